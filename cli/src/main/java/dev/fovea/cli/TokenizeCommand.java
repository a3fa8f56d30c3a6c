package dev.fovea.cli;

import com.google.common.primitives.Ints;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import dev.fovea.engine.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "tokenize", description = "Show the ids and tokens that a model sees of a text.")
final class TokenizeCommand implements Callable<Integer> {
  /// Quotes texts, so that spaces and line ends are visible.
  private static final Gson QUOTED = new GsonBuilder().disableHtmlEscaping().create();

  @Parameters(index = "0", paramLabel = "MODEL",
      description = "A model file that holds a tokenizer, a tokenizer.json, a vocab.txt, or a folder "
      + "with one of them or with vocab.json and merges.txt.")
  private Path model;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "TEXT",
      description = "Texts, each encoded by itself; after -- they may begin with a dash.")
  private List<String> texts;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  /// @param decoded the text of the ids, without special tokens
  private record Row(String text, int[] ids, List<String> tokens, String decoded) {}

  @Override
  public Integer call() {
    var tokenizer = Tokenizer.open(model);
    var rows = texts.stream().map(text -> row(tokenizer, text)).toList();
    Output.write(json ? Output.json(rows) : rows.stream().map(TokenizeCommand::text)
        .collect(Collectors.joining(System.lineSeparator())), null);
    return Fovea.GOOD;
  }

  private static Row row(Tokenizer tokenizer, String text) {
    var encoding = tokenizer.encode(text);
    return new Row(text, encoding.ids(), encoding.tokens(), tokenizer.decode(encoding.ids(), true));
  }

  private static String text(Row row) {
    return String.format("text     %s%nids      %s%ntokens   %s%ndecoded  %s%n", QUOTED.toJson(row.text), Ints.join(" ", row.ids),
        String.join(" ", row.tokens.stream().map(QUOTED::toJson).toList()), QUOTED.toJson(row.decoded));
  }
}
