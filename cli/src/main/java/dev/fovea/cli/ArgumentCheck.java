package dev.fovea.cli;

import com.google.common.base.Utf8;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// Finds arguments that Java could not decode. Java uses the locale's charset and replaces invalid bytes by U+FFFD, which would be
/// another name or text.
final class ArgumentCheck {
  /// Where Linux shows the bytes of the command line; other systems have no such file.
  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");
  private static final char REPLACEMENT = '\uFFFD';

  private ArgumentCheck() {}

  /// @throws Fovea.UsageException if an argument differs from what was given
  static void requireReadable(String... arguments) {
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i].indexOf(REPLACEMENT) < 0) continue;
      requireReadable(arguments, i, System.getProperty("sun.jnu.encoding", "UTF-8"), commandLine());
      return;
    }
  }

  /// @param suspect index of the first argument with U+FFFD, which may be genuine in UTF-8
  /// @param charset of the locale
  /// @param commandLine the bytes of Java's own and these arguments, each with a zero after it; null if unknown
  static void requireReadable(String[] arguments, int suspect, String charset, byte @Nullable [] commandLine) {
    if (!charset.equalsIgnoreCase("UTF-8"))
      throw new Fovea.UsageException("argument " + (suspect + 1) + ", '" + arguments[suspect]
          + "': cannot be read in this locale's charset " + charset + ": set LC_ALL=C.UTF-8");
    var given = commandLine == null ? List.<byte[]>of() : split(commandLine);
    int others = given.size() - arguments.length;
    for (int i = suspect; others >= 0 && i < arguments.length; i++)
      if (!Utf8.isWellFormed(given.get(others + i)))
        throw new Fovea.UsageException("argument " + (i + 1) + ", '" + arguments[i] + "': expected UTF-8, got other bytes");
  }

  private static List<byte[]> split(byte[] commandLine) {
    var parts = new ArrayList<byte[]>();
    for (int from = 0, i = 0; i < commandLine.length; i++) {
      if (commandLine[i] != 0) continue;
      parts.add(Arrays.copyOfRange(commandLine, from, i));
      from = i + 1;
    }
    return parts;
  }

  private static byte @Nullable [] commandLine() {
    try {
      return Files.readAllBytes(COMMAND_LINE);
    } catch (IOException _) {
      return null;
    }
  }
}
