package dev.fovea.converter.hub;

import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The names of a repository's files: which can be trusted, which a conversion reads.
final class Names {
  private static final int SHOWN = 80;

  private Names() {}

  /// Whether a name stays in its folder, and means the same to every file system and every reader of a message.
  static boolean isPlain(String name) {
    return !name.matches("(?s).*[\\\\:\\p{Cntrl}\\p{Cf}].*")
        && Arrays.stream(name.split("/", -1)).noneMatch(part -> part.isBlank() || part.equals(".") || part.equals(".."));
  }

  /// A name as a message may show it.
  static String shown(String name) {
    var plain = name.replaceAll("[\\p{Cntrl}\\p{Cf}]", "?");
    return plain.length() <= SHOWN ? plain : plain.substring(0, SHOWN) + "…";
  }

  /// The path of a name in an address; a slash divides folders, unless it is a revision's.
  static String inAddress(String name) {
    return Arrays.stream(name.split("/", -1)).map(Names::encoded).collect(Collectors.joining("/"));
  }

  static String encoded(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /// What a conversion reads beside the weights, as far as it is there: the config, the preprocessing and one form of the tokenizer.
  static List<String> besideWeights(Set<String> names) {
    var tokenizer = Stream.of(List.of("tokenizer.json"), List.of("vocab.txt"), List.of("vocab.json", "merges.txt"))
        .filter(names::containsAll).findFirst().orElse(List.of());
    return Stream.of(List.of("config.json", "preprocessor_config.json"), tokenizer,
        tokenizer.contains("vocab.txt") ? List.of("tokenizer_config.json") : List.<String>of())
        .flatMap(List::stream).filter(names::contains).toList();
  }

  /// The weights' file or index.
  ///
  /// @param asked the user's choice; empty for none
  /// @throws CheckpointException if there is none, or several of which none is well known
  static String weights(Repository repository, Set<String> names, String asked) {
    if (asked.isEmpty()) return Source.choose(repository.toString(), names);
    if (names.contains(asked)) return asked;
    throw new CheckpointException(repository + ": there is no file '" + shown(asked) + "'");
  }
}
