package dev.fovea.models.chat;

import dev.fovea.models.argument.Arguments;
import java.util.List;

/// Ends a text that arrives in pieces at the first of some strings, which may span pieces. The pieces may be cut anywhere: the text
/// before the end is the same.
///
/// The string that is complete first ends the text; of strings complete at the same place, the longest does. What may be the
/// beginning of one is held back until the next pieces tell.
///
/// Its memory is bounded by the longest string and piece. Not thread-safe.
public final class StopStrings {
  private final List<String> strings;
  /// Text that is not released: at most a proper beginning of a string, between calls.
  private final StringBuilder held = new StringBuilder();
  private boolean stopped;

  /// @param strings may be empty
  /// @throws IllegalArgumentException if one is empty
  public StopStrings(List<String> strings) {
    this.strings = Arguments.elements(strings, "strings");
    if (this.strings.contains("")) throw new IllegalArgumentException("stop string: expected at least one character, got none");
  }

  /// Adds the next piece; ignored after the end.
  ///
  /// @return the text that is certainly before the end
  public String add(String piece) {
    for (int i = 0; i < piece.length() && !stopped; i++) {
      held.append(piece.charAt(i));
      int length = longestAtEnd();
      if (length == 0) continue;
      held.setLength(held.length() - length);
      stopped = true;
    }
    return release(stopped ? 0 : longestBeginning());
  }

  /// The text held back, when no piece follows.
  public String finish() {
    return release(0);
  }

  /// Whether a string was found.
  public boolean isStopped() {
    return stopped;
  }

  private String release(int kept) {
    int end = held.length() - kept;
    var released = held.substring(0, end);
    held.delete(0, end);
    return released;
  }

  /// Length of the longest string at the end of the text; 0 if there is none.
  private int longestAtEnd() {
    int longest = 0;
    for (var string : strings) if (string.length() > longest && endsWith(string, string.length())) longest = string.length();
    return longest;
  }

  /// Length of the longest proper beginning of a string at the end of the text.
  private int longestBeginning() {
    int longest = 0;
    for (var string : strings)
      for (int length = Math.min(string.length() - 1, held.length()); length > longest; length--)
        if (endsWith(string, length)) longest = length;
    return longest;
  }

  private boolean endsWith(String string, int length) {
    int from = held.length() - length;
    if (from < 0) return false;
    for (int i = 0; i < length; i++) if (held.charAt(from + i) != string.charAt(i)) return false;
    return true;
  }
}
