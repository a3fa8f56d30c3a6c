package dev.fovea.engine.text;

import org.jetbrains.annotations.Nullable;

/// Makes one line of a message, whatever a library, a file or a name in it brings: line breaks, and characters that a terminal
/// would act on.
public final class OneLine {
  private OneLine() {}

  /// The message with a space for each run of control characters and Unicode's line and paragraph separators, with the spaces
  /// around them; none of either at the broken ends. Null is the word.
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
