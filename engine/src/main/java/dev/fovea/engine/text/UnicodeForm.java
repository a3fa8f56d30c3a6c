package dev.fovea.engine.text;

import java.text.Normalizer.Form;

/// Unicode normalisation that preserves the origin of each char.
///
/// A text is normalised segment by segment: a starter and all that may combine with it. The origin of a composed character is the
/// whole segment, with its accents.
final class UnicodeForm {
  /// Longer segments are normalised in parts, because sorting marks takes quadratic time.
  private static final int LONGEST_SEGMENT = 256;

  private UnicodeForm() {}

  static AlignedText normalize(AlignedText source, Form form) {
    var text = source.text();
    int changed = firstThatMayChange(text, form);
    if (changed == text.length()) return source;
    AlignedText.Builder out = null;
    int copied = 0;
    // The char before may combine with the first that changes, but not with its own predecessor.
    for (int from = Math.max(0, changed - 1), to; from < text.length(); from = to) {
      to = segmentEnd(text, from);
      if (to == from + 1 && text.charAt(from) < 0x80) continue;
      var segment = text.substring(from, to);
      var normalized = java.text.Normalizer.normalize(segment, form);
      if (normalized.equals(segment)) continue;
      if (out == null) out = source.builder();
      out.copy(copied, from);
      put(out, text, from, to, normalized, form);
      copied = to;
    }
    if (out == null) return source;
    out.copy(copied, text.length());
    return out.build();
  }

  /// Adds a changed segment, code point by code point if they change independently.
  private static void put(AlignedText.Builder out, String text, int from, int to, String normalized, Form form) {
    var parts = text.substring(from, to).codePoints().mapToObj(c -> java.text.Normalizer.normalize(Character.toString(c), form))
        .toList();
    if (!String.join("", parts).equals(normalized)) {
      out.put(normalized, from, to);
      return;
    }
    int at = from;
    for (var part : parts) {
      int next = at + Character.charCount(text.codePointAt(at));
      out.put(part, at, next);
      at = next;
    }
  }

  /// The first char that the form may change.
  private static int firstThatMayChange(String text, Form form) {
    int limit = switch (form) {
      case NFC -> 0x300;
      case NFD -> 0xC0;
      case NFKC, NFKD -> 0xA0;
    };
    int i = 0;
    while (i < text.length() && text.charAt(i) < limit) i++;
    return i;
  }

  private static int segmentEnd(String text, int from) {
    int to = from + Character.charCount(text.codePointAt(from));
    while (to < text.length() && to - from < LONGEST_SEGMENT) {
      int c = text.codePointAt(to);
      if (startsSegment(c)) break;
      to += Character.charCount(c);
    }
    return to;
  }

  /// Whether `c` is neither combined nor reordered with the characters before it.
  static boolean startsSegment(int c) {
    if (c < 0x300) return true;
    boolean vowelOrFinalJamo = c >= 0x1160 && c <= 0x11FF || c >= 0xD7B0 && c <= 0xD7FF;
    boolean halfwidthMarkOrJamo = c >= 0xFF9E && c <= 0xFFDC;
    boolean kiratRaiVowel = c >= 0x16D63 && c <= 0x16D6A;
    return !Characters.isMark(c) && !vowelOrFinalJamo && !halfwidthMarkOrJamo && !kiratRaiVowel;
  }
}
