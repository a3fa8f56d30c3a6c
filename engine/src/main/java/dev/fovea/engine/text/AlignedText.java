package dev.fovea.engine.text;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import org.jetbrains.annotations.Nullable;

/// A part of normalised text with the origin of every char: its range in the original text.
///
/// Positions and lengths count UTF-16 chars, as [String] does.
final class AlignedText {
  /// The result of a mapping that removes a code point.
  static final int REMOVED = -1;

  private final String text;
  /// The origin of char `i` is at index `base + i`; null if it is char `base + i` itself.
  private final int @Nullable [] starts, ends;
  private final int base;

  private AlignedText(String text, int @Nullable [] starts, int @Nullable [] ends, int base) {
    this.text = text;
    this.starts = starts;
    this.ends = ends;
    this.base = base;
  }

  /// An original text.
  static AlignedText of(String text) {
    return new AlignedText(text, null, null, 0);
  }

  String text() {
    return text;
  }

  int length() {
    return text.length();
  }

  boolean isEmpty() {
    return text.isEmpty();
  }

  /// Start of the origin of char `i`.
  int start(int i) {
    return starts == null ? base + i : starts[base + i];
  }

  /// End of the origin of char `i`.
  int end(int i) {
    return ends == null ? base + i + 1 : ends[base + i];
  }

  /// Length of this text's origin.
  int originLength() {
    return isEmpty() ? 0 : end(length() - 1) - start(0);
  }

  AlignedText slice(int from, int to) {
    return from == 0 && to == text.length() ? this : new AlignedText(text.substring(from, to), starts, ends, base + from);
  }

  /// Another text of the same length, char by char with the origins of this one.
  AlignedText withChars(String sameLength) {
    assert sameLength.length() == text.length();
    return new AlignedText(sameLength, starts, ends, base);
  }

  /// The text with `mapping` applied to each code point; its result may be [#REMOVED].
  AlignedText map(IntUnaryOperator mapping) {
    int i = 0;
    for (int c; i < text.length(); i += Character.charCount(c)) {
      c = text.codePointAt(i);
      if (mapping.applyAsInt(c) != c) break;
    }
    if (i == text.length()) return this;
    var out = new Builder(text.length());
    out.copy(0, i);
    for (int next; i < text.length(); i = next) {
      int c = text.codePointAt(i), mapped = mapping.applyAsInt(c);
      next = i + Character.charCount(c);
      if (mapped != REMOVED) out.put(mapped, i, next);
    }
    return out.build();
  }

  /// `prefix` followed by this text; the prefix has the origin of this text's first code point.
  AlignedText prepend(String prefix) {
    if (isEmpty() || prefix.isEmpty()) return this;
    var out = new Builder(prefix.length() + text.length());
    out.put(prefix, 0, Character.charCount(text.codePointAt(0)));
    out.copy(0, text.length());
    return out.build();
  }

  /// A builder of a text derived from this one.
  Builder builder() {
    return new Builder(text.length());
  }

  final class Builder {
    private final StringBuilder made;
    private int[] madeStarts, madeEnds;

    private Builder(int capacity) {
      made = new StringBuilder(capacity);
      madeStarts = new int[capacity];
      madeEnds = new int[capacity];
    }

    /// Adds the chars from `from` to `to`, unchanged.
    void copy(int from, int to) {
      int at = made.length();
      reserve(to - from);
      made.append(text, from, to);
      for (int i = from; i < to; i++, at++) {
        madeStarts[at] = start(i);
        madeEnds[at] = end(i);
      }
    }

    /// Adds a replacement of the chars from `from` to `to`, at least one.
    void put(String replacement, int from, int to) {
      int at = made.length();
      reserve(replacement.length());
      made.append(replacement);
      Arrays.fill(madeStarts, at, made.length(), start(from));
      Arrays.fill(madeEnds, at, made.length(), end(to - 1));
    }

    void put(int codePoint, int from, int to) {
      int at = made.length(), count = Character.charCount(codePoint);
      reserve(count);
      made.appendCodePoint(codePoint);
      Arrays.fill(madeStarts, at, at + count, start(from));
      Arrays.fill(madeEnds, at, at + count, end(to - 1));
    }

    private void reserve(int more) {
      int needed = Math.addExact(made.length(), more);
      if (needed <= madeStarts.length) return;
      int capacity = Math.max(needed, madeStarts.length + (madeStarts.length >> 1));
      madeStarts = Arrays.copyOf(madeStarts, capacity);
      madeEnds = Arrays.copyOf(madeEnds, capacity);
    }

    int length() {
      return made.length();
    }

    AlignedText build() {
      return new AlignedText(made.toString(), madeStarts, madeEnds, 0);
    }
  }
}
