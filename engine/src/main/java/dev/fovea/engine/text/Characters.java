package dev.fovea.engine.text;

/// Classes of code points as defined by the Unicode Standard, unlike those of [Character].
final class Characters {
  private static final int SEPARATORS =
      1 << Character.SPACE_SEPARATOR | 1 << Character.LINE_SEPARATOR | 1 << Character.PARAGRAPH_SEPARATOR;
  private static final int MARKS =
      1 << Character.NON_SPACING_MARK | 1 << Character.COMBINING_SPACING_MARK | 1 << Character.ENCLOSING_MARK;
  private static final int NUMBERS =
      1 << Character.DECIMAL_DIGIT_NUMBER | 1 << Character.LETTER_NUMBER | 1 << Character.OTHER_NUMBER;
  private static final int WORD = MARKS | 1 << Character.DECIMAL_DIGIT_NUMBER | 1 << Character.CONNECTOR_PUNCTUATION;
  private static final int PUNCTUATION = 1 << Character.CONNECTOR_PUNCTUATION | 1 << Character.DASH_PUNCTUATION
      | 1 << Character.START_PUNCTUATION | 1 << Character.END_PUNCTUATION | 1 << Character.INITIAL_QUOTE_PUNCTUATION
      | 1 << Character.FINAL_QUOTE_PUNCTUATION | 1 << Character.OTHER_PUNCTUATION;
  private static final int OTHER =
      1 << Character.CONTROL | 1 << Character.FORMAT | 1 << Character.PRIVATE_USE | 1 << Character.SURROGATE;
  private static final int ZERO_WIDTH_NON_JOINER = 0x200C, ZERO_WIDTH_JOINER = 0x200D;

  private Characters() {}

  private static boolean is(int classes, int codePoint) {
    return (classes >> Character.getType(codePoint) & 1) != 0;
  }

  /// The property White_Space: separators, tab to carriage return, and next line (U+0085).
  static boolean isWhiteSpace(int codePoint) {
    if (codePoint < 0x80) return codePoint == ' ' || codePoint >= '\t' && codePoint <= '\r';
    return codePoint == 0x85 || is(SEPARATORS, codePoint);
  }

  /// What `\w` matches: letters, marks, decimal digits, connectors and joiners.
  static boolean isWord(int codePoint) {
    return Character.isAlphabetic(codePoint) || is(WORD, codePoint)
        || codePoint == ZERO_WIDTH_NON_JOINER || codePoint == ZERO_WIDTH_JOINER;
  }

  /// Punctuation, and all ASCII symbols.
  static boolean isPunctuation(int codePoint) {
    if (codePoint >= 0x80) return is(PUNCTUATION, codePoint);
    return codePoint > ' ' && codePoint < 0x7F && !Character.isLetterOrDigit(codePoint);
  }

  /// The general categories Nd, Nl and No.
  static boolean isNumeric(int codePoint) {
    return is(NUMBERS, codePoint);
  }

  /// The general categories Mn, Mc and Me.
  static boolean isMark(int codePoint) {
    return is(MARKS, codePoint);
  }

  /// The general category Mn.
  static boolean isNonSpacingMark(int codePoint) {
    return Character.getType(codePoint) == Character.NON_SPACING_MARK;
  }

  /// Controls, formats, surrogates and private use.
  static boolean isOther(int codePoint) {
    return is(OTHER, codePoint);
  }

  /// Ideographs, in the blocks that BERT's tokenizer lists.
  static boolean isIdeograph(int c) {
    return c >= 0x4E00 && c <= 0x9FFF || c >= 0x3400 && c <= 0x4DBF || c >= 0x20000 && c <= 0x2A6DF
        || c >= 0x2A700 && c <= 0x2B73F || c >= 0x2B740 && c <= 0x2B81F || c >= 0x2B920 && c <= 0x2CEAF
        || c >= 0xF900 && c <= 0xFAFF || c >= 0x2F800 && c <= 0x2FA1F;
  }

  static boolean isAscii(String text) {
    for (int i = 0; i < text.length(); i++) if (text.charAt(i) >= 0x80) return false;
    return true;
  }

  /// The text with U+FFFD for each unpaired surrogate, which no encoding of Unicode can express.
  static String paired(String text) {
    int i = 0;
    while (i < text.length() && !Character.isSurrogate(text.charAt(i))) i++;
    if (i == text.length()) return text;
    var chars = text.toCharArray();
    for (; i < chars.length; i++) {
      if (!Character.isSurrogate(chars[i])) continue;
      boolean pair = Character.isHighSurrogate(chars[i]) && i + 1 < chars.length && Character.isLowSurrogate(chars[i + 1]);
      if (pair) i++;
      else chars[i] = '\uFFFD';
    }
    return new String(chars);
  }
}
