package dev.fovea.engine.text;

import com.google.common.base.Utf8;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// A compiled character map of SentencePiece: a double-array trie over UTF-8, whose values are offsets of zero-terminated
/// replacements.
///
/// ref: sentencepiece/src/normalizer.cc, DecodePrecompiledCharsMap; darts-clone, include/darts.h, DoubleArrayUnit.
final class CharsMap {
  /// Longer graphemes are looked up character by character.
  private static final int LONGEST_GRAPHEME = 5;
  private static final Pattern GRAPHEME = Pattern.compile("\\X");

  private final int[] units;
  private final byte[] replacements;

  private CharsMap(int[] units, byte[] replacements) {
    this.units = units;
    this.replacements = replacements;
  }

  /// @throws dev.fovea.engine.checkpoint.CheckpointException if the field is not such a map in base64
  static CharsMap parse(JsonPart part, String field) {
    byte[] bytes;
    try {
      bytes = Base64.getDecoder().decode(part.string(field));
    } catch (IllegalArgumentException e) {
      throw part.error("'" + field + "': expected base64: " + e.getMessage());
    }
    var map = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long trie = bytes.length < 4 ? -1 : Integer.toUnsignedLong(map.getInt());
    if (trie < 4 || trie % 4 != 0 || trie > map.remaining())
      throw part.error("'" + field + "': expected the size of a trie and the trie, got " + bytes.length + " bytes");
    var units = new int[(int) trie / 4];
    map.asIntBuffer().get(units);
    return new CharsMap(units, Arrays.copyOfRange(bytes, 4 + (int) trie, bytes.length));
  }

  AlignedText normalize(AlignedText source) {
    var text = source.text();
    AlignedText.Builder out = null;
    int copied = 0;
    var graphemes = GRAPHEME.matcher(text);
    for (int from = 0, to; from < text.length(); from = to) {
      to = isAlone(text, from) || !graphemes.find(from) ? from + 1 : graphemes.end();
      var whole = replacement(text, from, to);
      for (int at = from, next; at < to; at = next) {
        next = whole != null ? to : at + Character.charCount(text.codePointAt(at));
        var made = whole != null ? whole : to - from == next - at ? null : replacement(text, at, next);
        if (made == null) continue;
        if (out == null) out = source.builder();
        out.copy(copied, at);
        if (!made.isEmpty()) out.put(made, at, next);
        copied = next;
      }
    }
    if (out == null) return source;
    out.copy(copied, text.length());
    return out.build();
  }

  /// Whether the char is surely a whole grapheme: below U+0300 no marks follow, and only CR LF is a longer one.
  private static boolean isAlone(String text, int at) {
    char c = text.charAt(at);
    return c < 0x300 && c != '\r' && (at + 1 == text.length() || text.charAt(at + 1) < 0x300);
  }

  /// The replacement of the chars from `from` to `to`; null if there is none or there are too many chars.
  ///
  /// It is the one of their shortest prefix in the map, as in the reference.
  private @Nullable String replacement(String text, int from, int to) {
    if (to - from > LONGEST_GRAPHEME) return null;
    byte[] key = text.substring(from, to).getBytes(StandardCharsets.UTF_8);
    boolean one = to - from == Character.charCount(text.codePointAt(from));
    if (key.length > LONGEST_GRAPHEME && !one) return null;
    int value = shortestMatch(key);
    if (value < 0 || value >= replacements.length) return null;
    int end = value;
    while (end < replacements.length && replacements[end] != 0) end++;
    return Utf8.isWellFormed(replacements, value, end - value)
        ? new String(replacements, value, end - value, StandardCharsets.UTF_8) : null;
  }

  private int shortestMatch(byte[] key) {
    int node = offset(units[0]);
    for (byte b : key) {
      int label = b & 0xff;
      node ^= label;
      if (label == 0 || node < 0 || node >= units.length) return -1;
      int unit = units[node];
      if ((unit & 0x8000_00FF) != label) return -1;
      node ^= offset(unit);
      if (node < 0 || node >= units.length) return -1;
      if ((unit >>> 8 & 1) != 0) return units[node] & 0x7FFF_FFFF;
    }
    return -1;
  }

  private static int offset(int unit) {
    return unit >>> 10 << ((unit & 1 << 9) >>> 6);
  }
}
