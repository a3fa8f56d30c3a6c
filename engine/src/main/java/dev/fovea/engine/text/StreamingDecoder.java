package dev.fovea.engine.text;

import java.util.Arrays;

/// Decodes ids one by one; what it returns, put together, is the text of all, and never holds half a character.
///
/// One thread uses it at a time. Where bytes are no UTF-8, U+FFFD may stand for them in another number than [Tokenizer#decode]
/// would write: text that was handed out stays.
public final class StreamingDecoder {
  /// More U+FFFD at the end of a text than bytes of unfinished characters can make.
  private static final int MOST_UNFINISHED = 32;
  /// Tokens without any text that are remembered for the sake of those that follow.
  private static final int MOST_SILENT = 64;
  private static final char REPLACEMENT = '\uFFFD';

  private final Tokenizer tokenizer;
  private final boolean skipSpecialTokens;
  /// The window: ids whose text was handed out, for how a token is written depends on that another precedes it, then new ones.
  private int[] ids = new int[16];
  private int done, count;
  /// How much of the window's text was handed out.
  private int said;

  StreamingDecoder(Tokenizer tokenizer, boolean skipSpecialTokens) {
    this.tokenizer = tokenizer;
    this.skipSpecialTokens = skipSpecialTokens;
  }

  /// Takes the next id.
  ///
  /// @return the text that is certain now and was not before; empty within a character
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

  /// What is left when no id follows: a character that was never completed, as U+FFFD.
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

  /// Forgets all but the new ids.
  private void moveOn() {
    System.arraycopy(ids, done, ids, 0, count - done);
    done = count -= done;
    said = text().length();
  }
}
