package dev.fovea.engine.text;

import java.util.Arrays;

/// Decodes ids one by one. The returned strings together are the text of all ids, and none contains a part of a character.
///
/// Not thread-safe. The number of U+FFFD for invalid UTF-8 may differ from that of [Tokenizer#decode], because returned text is
/// final.
public final class StreamingDecoder {
  /// Maximum number of U+FFFD at the end of a text that may be an unfinished character: more than its bytes can produce.
  private static final int MOST_UNFINISHED = 32;
  /// Number of tokens without text that are kept as context for the next ones.
  private static final int MOST_SILENT = 64;
  private static final char REPLACEMENT = '\uFFFD';

  private final Tokenizer tokenizer;
  private final boolean skipSpecialTokens;
  /// The window: ids whose text was returned, as context because a token's text depends on its predecessor, then new ids.
  private int[] ids = new int[16];
  private int done, count;
  /// Length of the window's text that was returned.
  private int said;

  StreamingDecoder(Tokenizer tokenizer, boolean skipSpecialTokens) {
    this.tokenizer = tokenizer;
    this.skipSpecialTokens = skipSpecialTokens;
  }

  /// Adds the next id.
  ///
  /// @return the text that is newly complete; empty within a character
  public String add(int id) {
    if (!tokenizer.says(id, skipSpecialTokens)) return "";
    if (count == ids.length) ids = Arrays.copyOf(ids, 2 * count);
    ids[count++] = id;
    var text = text();
    int whole = text.length();
    while (whole > 0 && text.charAt(whole - 1) == REPLACEMENT) whole--;
    boolean unfinished = whole < text.length() && text.length() - whole <= MOST_UNFINISHED;
    var more = handOut(text, unfinished ? whole : text.length());
    if (!unfinished && (!more.isEmpty() || count - done > MOST_SILENT)) moveOn();
    return more;
  }

  /// The remaining text when no id follows: an unfinished character, as U+FFFD.
  public String finish() {
    var text = text();
    var rest = handOut(text, text.length());
    done = count = said = 0;
    return rest;
  }

  private String text() {
    return tokenizer.decode(Arrays.copyOf(ids, count), skipSpecialTokens);
  }

  private String handOut(String text, int end) {
    if (end <= said) return "";
    var more = text.substring(said, end);
    said = end;
    return more;
  }

  /// Removes all but the new ids.
  private void moveOn() {
    System.arraycopy(ids, done, ids, 0, count - done);
    done = count -= done;
    said = text().length();
  }
}
