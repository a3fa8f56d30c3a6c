package dev.fovea.converter.hub;

import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;

/// Checks and chooses names of a repository's files.
final class Names {
  private static final int SHOWN = 80;
  /// Control characters and other invisible ones that change how text is shown.
  private static final String UNSEEN = "\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}";

  private Names() {}

  /// Whether a path stays in its folder.
  static boolean isInside(String path) {
    return !path.matches("(?s).*[\\\\\\p{Cc}].*")
        && Arrays.stream(path.split("/", -1)).noneMatch(part -> part.isBlank() || part.equals(".") || part.equals(".."));
  }

  /// Whether a path also means the same on every file system, and to every reader of a message.
  static boolean isPlain(String path) {
    return isInside(path) && !path.matches(".*[:" + UNSEEN + "].*");
  }

  /// A name as a message may show it.
  static String shown(String name) {
    var plain = name.replaceAll("[" + UNSEEN + "]", "?");
    return plain.length() <= SHOWN ? plain : plain.substring(0, SHOWN) + "…";
  }

  /// A name, encoded for the path of a URL.
  static String encoded(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /// The weights' file or index.
  ///
  /// @param asked the user's choice; empty for none
  /// @throws CheckpointException if there is none, or several of which none is well known
  static String weights(Repository repository, Set<String> names, String asked) {
    if (!asked.isEmpty() && !names.contains(asked))
      throw new CheckpointException(repository + ": there is no file '" + shown(asked) + "'");
    var name = asked.isEmpty() ? Source.choose(repository.toString(), names) : asked;
    if (!isPlain(name))
      throw new CheckpointException(repository + ": expected a plain name of a file, got '" + shown(name) + "'");
    return name;
  }
}
