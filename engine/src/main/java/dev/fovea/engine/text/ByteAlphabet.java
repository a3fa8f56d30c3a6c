package dev.fovea.engine.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// The 256 printable characters that represent bytes in byte-level vocabularies.
///
/// Printable bytes of Latin-1 represent themselves, the others are numbered from U+0100. ref: gpt-2/src/encoder.py,
/// bytes_to_unicode.
final class ByteAlphabet {
  /// The character of a space.
  static final char SPACE = 'Ġ';

  private static final char[] CHARS = new char[256];
  private static final short[] BYTES = new short[0x100 + 256];

  static {
    Arrays.fill(BYTES, (short) -1);
    char next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      CHARS[b] = printable ? (char) b : next++;
      BYTES[CHARS[b]] = (short) b;
    }
  }

  private ByteAlphabet() {}

  /// The byte of character `c`; -1 if it is not in the alphabet.
  static int toByte(char c) {
    return c < BYTES.length ? BYTES[c] : -1;
  }

  /// The bytes of a token: those of its characters, or its UTF-8 if one of them is not in the alphabet.
  static byte[] toBytes(String token) {
    var bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      int b = toByte(token.charAt(i));
      if (b < 0) return token.getBytes(StandardCharsets.UTF_8);
      bytes[i] = (byte) b;
    }
    return bytes;
  }

  /// The text's UTF-8 bytes in this alphabet; each has the origin of its character.
  static AlignedText write(AlignedText source) {
    var text = source.text();
    if (Characters.isAscii(text)) return source.withChars(writeAscii(text));
    var out = source.builder();
    for (int i = 0, next; i < text.length(); i = next) {
      next = i + Character.charCount(text.codePointAt(i));
      if (next == i + 1 && text.charAt(i) < 0x80) out.put(CHARS[text.charAt(i)], i, next);
      else for (byte b : text.substring(i, next).getBytes(StandardCharsets.UTF_8)) out.put(CHARS[b & 0xff], i, next);
    }
    return out.build();
  }

  private static String writeAscii(String text) {
    int i = 0;
    while (i < text.length() && CHARS[text.charAt(i)] == text.charAt(i)) i++;
    if (i == text.length()) return text;
    var chars = text.toCharArray();
    for (; i < chars.length; i++) chars[i] = CHARS[chars[i]];
    return new String(chars);
  }
}
