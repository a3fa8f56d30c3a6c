package dev.fovea.cli;

import dev.fovea.engine.checkpoint.WholeFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jetbrains.annotations.Nullable;

/// Where results go: stdout, or a file that appears when it is complete.
final class Output {
  private Output() {}

  static String json(Object value) {
    return Json.PRETTY.toJson(value) + System.lineSeparator();
  }

  static void write(String text, @Nullable Path file) {
    if (file == null) {
      System.out.print(text);
      System.out.flush();
      return;
    }
    write(text.getBytes(StandardCharsets.UTF_8), file);
  }

  static void write(byte[] bytes, Path file) {
    WholeFile.write(file, bytes);
  }
}
