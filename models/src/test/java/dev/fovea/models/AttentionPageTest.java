package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// The lines of Java that `docs/attention.md` quotes are still in the files that it names, in a comment before each block. White
/// space at the beginning of lines does not count.
class AttentionPageTest {
  private static final Path ROOT = Path.of("").toAbsolutePath().getParent();
  private static final Path PAGE = ROOT.resolve("docs/attention.md");
  private static final Pattern SOURCE = Pattern.compile("<!-- (\\S+\\.java) -->"), LINK = Pattern.compile("\\]\\(([^)#:]+)\\)");

  /// Quoted lines.
  ///
  /// @param at number of the first one in the page
  /// @param source the file that they are from
  private record Quote(int at, String source, List<String> lines) {
    /// What is wrong; empty if the file has these lines.
    String difference(List<String> file) {
      int best = 0, most = -1;
      for (int from = 0; from < file.size(); from++) {
        int same = 0;
        while (same < lines.size() && from + same < file.size() && lines.get(same).equals(file.get(from + same))) same++;
        if (same == lines.size()) return "";
        if (same > most) {
          most = same;
          best = from;
        }
      }
      var line = "docs/attention.md:" + (at + most) + ": '" + lines.get(most) + "'";
      if (most == 0) return line + " is not in " + source;
      return best + most == file.size() ? line + " is after the end of " + source
          : line + ", but " + source + ":" + (best + most + 1) + " is '" + file.get(best + most) + "'";
    }
  }

  private static List<Quote> quotes(List<String> page) {
    var quotes = new ArrayList<Quote>();
    for (int i = 0; i < page.size(); i++) {
      if (!page.get(i).equals("```java")) continue;
      var source = SOURCE.matcher(i == 0 ? "" : page.get(i - 1));
      assertThat(source.matches()).as("docs/attention.md:" + (i + 1) + ": the line before names the source").isTrue();
      int end = page.subList(i, page.size()).indexOf("```");
      assertThat(end).as("docs/attention.md:" + (i + 1) + ": the block has an end and lines").isGreaterThan(1);
      quotes.add(new Quote(i + 2, source.group(1), stripped(page.subList(i + 1, i + end))));
    }
    return quotes;
  }

  private static List<String> stripped(List<String> lines) {
    return lines.stream().map(String::strip).toList();
  }

  private static List<String> source(String name) throws IOException {
    return stripped(Files.readAllLines(ROOT.resolve(name)));
  }

  @Test
  void thePageQuotesWhatTheFilesSay() throws IOException {
    var quotes = quotes(Files.readAllLines(PAGE));
    assertThat(quotes).hasSizeGreaterThan(20);
    var differences = new ArrayList<String>();
    for (var quote : quotes) {
      var difference = quote.difference(source(quote.source));
      if (!difference.isEmpty()) differences.add(difference);
    }
    assertThat(differences).isEmpty();
  }

  @Test
  void aDifferenceIsToldWithFileAndLine() {
    var page = List.of("<!-- A.java -->", "```java", "  int a = 1;", "int b = 3;", "```");
    var quote = quotes(page).getFirst();
    assertThat(quote.difference(List.of("class A {", "int a = 1;", "int b = 2;", "}")))
        .isEqualTo("docs/attention.md:4: 'int b = 3;', but A.java:3 is 'int b = 2;'");
    assertThat(quote.difference(List.of("class A {", "}"))).isEqualTo("docs/attention.md:3: 'int a = 1;' is not in A.java");
    assertThat(quote.difference(List.of("int a = 1;"))).isEqualTo("docs/attention.md:4: 'int b = 3;' is after the end of A.java");
    assertThat(quote.difference(List.of("int a = 1;", "", "int a = 1;", "int b = 3;"))).isEmpty();
  }

  /// Each link that is not an address leads to a file, and each quoted file has a link.
  @Test
  void linksLeadSomewhere() throws IOException {
    var page = Files.readString(PAGE);
    assertThat(LINK.matcher(page).results().map(match -> match.group(1))).isNotEmpty()
        .allSatisfy(link -> assertThat(PAGE.resolveSibling(link)).exists());
    for (var quote : quotes(Files.readAllLines(PAGE))) assertThat(page).contains("](../" + quote.source + ")");
  }
}
