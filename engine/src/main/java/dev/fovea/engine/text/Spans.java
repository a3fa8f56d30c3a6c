package dev.fovea.engine.text;

import java.util.Arrays;

/// A text cut into matches and what lies between them.
final class Spans {
  private final int length;
  private int[] starts = new int[16], ends = new int[16];
  private boolean[] matches = new boolean[16];
  private int size, covered;

  /// @param length of the text
  Spans(int length) {
    this.length = length;
  }

  /// Adds the next match.
  void add(int start, int end) {
    if (covered < start) append(covered, start, false);
    append(start, end, true);
    covered = end;
  }

  private void append(int start, int end, boolean match) {
    if (size == starts.length) {
      starts = Arrays.copyOf(starts, 2 * size);
      ends = Arrays.copyOf(ends, 2 * size);
      matches = Arrays.copyOf(matches, 2 * size);
    }
    starts[size] = start;
    ends[size] = end;
    matches[size++] = match;
  }

  /// Completes the cover of the text, before the spans are read.
  Spans closed() {
    if (covered < length) append(covered, length, false);
    covered = length;
    return this;
  }

  int size() {
    return size;
  }

  int start(int i) {
    return starts[i];
  }

  int end(int i) {
    return ends[i];
  }

  boolean isMatch(int i) {
    return matches[i];
  }
}
