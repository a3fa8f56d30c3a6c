package dev.fovea.cli;

import dev.fovea.engine.checkpoint.WholeFile;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jetbrains.annotations.Nullable;

/// Writes results to stdout, or to a file that appears when it is complete.
final class Output {
  private Output() {}

  static String json(Object value) {
    return Json.PRETTY.toJson(value) + System.lineSeparator();
  }

  static void write(String text, @Nullable Path file) {
    if (file == null) print(text, System.out);
    else write(text.getBytes(StandardCharsets.UTF_8), file);
  }

  /// Prints a report on the files written: on stdout, or on stderr if one of them is stdout.
  static void report(String text, Outputs written) {
    print(text, written.areStdout() ? System.err : System.out);
  }

  private static void print(String text, PrintStream out) {
    out.print(text);
    out.flush();
  }

  static void write(byte[] bytes, Path file) {
    WholeFile.write(file, bytes);
  }
}
