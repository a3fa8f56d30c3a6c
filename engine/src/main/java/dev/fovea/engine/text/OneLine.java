package dev.fovea.engine.text;

import org.jetbrains.annotations.Nullable;

/// Converts messages to one line: text from libraries, files and names may contain line breaks and control characters for
/// terminals.
public final class OneLine {
  private OneLine() {}

  /// The message with one space for each run of control characters and Unicode's line and paragraph separators, and for the spaces
  /// around them; such runs at its ends are removed. Null becomes "null".
  public static String of(@Nullable String message) {
    var text = String.valueOf(message);
    int breaks = 0;
    while (breaks < text.length() && !breaksLine(text.charAt(breaks))) breaks++;
    return breaks == text.length() ? text : joined(text);
  }

  private static String joined(String text) {
    var line = new StringBuilder(text.length());
    boolean broken = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (breaksLine(c)) {
        while (!line.isEmpty() && line.charAt(line.length() - 1) == ' ') line.setLength(line.length() - 1);
        broken = true;
      } else if (!broken || c != ' ') {
        if (broken && !line.isEmpty()) line.append(' ');
        line.append(c);
        broken = false;
      }
    }
    return line.toString();
  }

  private static boolean breaksLine(char c) {
    return Character.isISOControl(c) || c == '\u2028' || c == '\u2029';
  }
}
