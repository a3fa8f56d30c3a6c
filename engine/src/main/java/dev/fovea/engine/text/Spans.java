package dev.fovea.engine.text;

import java.util.Arrays;

/// A text split into matches and the gaps between them.
final class Spans {
  private static final int FIRST_CAPACITY = 16;

  private final int length;
  /// A span starts at the end of the one before it.
  private int[] ends;
  private boolean[] matches;
  private int size, covered;

  /// @param length of the text
  Spans(int length) {
    this.length = length;
    int capacity = Math.clamp(length, 1, FIRST_CAPACITY);
    ends = new int[capacity];
    matches = new boolean[capacity];
  }

  /// Adds the next match.
  void add(int start, int end) {
    if (covered < start) append(start, false);
    append(end, true);
    covered = end;
  }

  private void append(int end, boolean match) {
    if (size == ends.length) {
      ends = Arrays.copyOf(ends, 2 * size);
      matches = Arrays.copyOf(matches, 2 * size);
    }
    ends[size] = end;
    matches[size++] = match;
  }

  /// Adds the gap after the last match, before the spans are read.
  Spans closed() {
    if (covered < length) append(length, false);
    covered = length;
    return this;
  }

  int size() {
    return size;
  }

  int start(int i) {
    return i == 0 ? 0 : ends[i - 1];
  }

  int end(int i) {
    return ends[i];
  }

  boolean isMatch(int i) {
    return matches[i];
  }
}
