package dev.fovea.langchain4j;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// What builders have in common.
final class Names {
  private static final String SUFFIX = ".safetensors";

  private Names() {}

  /// The name of a model file, without `.safetensors`.
  static String of(Path file) {
    var name = String.valueOf(file.getFileName());
    return name.endsWith(SUFFIX) ? name.substring(0, name.length() - SUFFIX.length()) : name;
  }

  /// @throws IllegalArgumentException if not exactly one is given
  static void requireOne(String names, @Nullable Object... given) {
    long count = Arrays.stream(given).filter(Objects::nonNull).count();
    if (count != 1) throw new IllegalArgumentException("expected one of " + names + ", got " + (count == 0 ? "none" : count));
  }
}
