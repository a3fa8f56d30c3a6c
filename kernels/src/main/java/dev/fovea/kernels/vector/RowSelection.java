package dev.fovea.kernels.vector;

import java.lang.foreign.MemorySegment;

/// The rows with the largest elements. Scalar loops suffice: a detector selects once in a pass.
final class RowSelection {
  private RowSelection() {}

  /// The largest element of each of the rows `[from, to)`; NaN for a row of only NaN.
  static void largest(MemorySegment x, int cols, MemorySegment out, int from, int to) {
    for (int row = from; row < to; row++) {
      long start = (long) row * cols;
      float largest = Float.NaN;
      for (int col = 0; col < cols; col++) {
        float value = Simd.at(x, start + col);
        if (value > largest || Float.isNaN(largest)) largest = value;
      }
      Simd.put(out, row, largest);
    }
  }

  /// Writes the numbers of the first `count` of the rows `[first, first + rows)` in their order. The results are a heap of the rows
  /// found so far, with the last of them in front, until all rows are seen; then the heap is sorted.
  static void select(MemorySegment largest, int first, int rows, MemorySegment out, long to, int count) {
    for (int i = 0; i < count; i++) Simd.put(out, to + i, first + i);
    for (int i = count / 2 - 1; i >= 0; i--) sink(largest, out, to, i, count, first + i);
    for (int row = first + count; row < first + rows; row++)
      if (isBefore(largest, row, number(out, to))) sink(largest, out, to, 0, count, row);
    for (int end = count - 1; end > 0; end--) {
      int last = number(out, to), row = number(out, to + end);
      Simd.put(out, to + end, last);
      sink(largest, out, to, 0, end, row);
    }
  }

  /// Puts `row` at place `i` of a heap of `count`, or further down, below all rows that come after it.
  private static void sink(MemorySegment largest, MemorySegment heap, long start, int i, int count, int row) {
    for (int child = 2 * i + 1; child < count; child = 2 * i + 1) {
      if (child + 1 < count && isBefore(largest, number(heap, start + child), number(heap, start + child + 1))) child++;
      int below = number(heap, start + child);
      if (!isBefore(largest, row, below)) break;
      Simd.put(heap, start + i, below);
      i = child;
    }
    Simd.put(heap, start + i, row);
  }

  private static int number(MemorySegment s, long i) {
    return (int) Simd.at(s, i);
  }

  /// The greater number first, NaN last, and equal ones in the order of the rows.
  private static boolean isBefore(MemorySegment largest, int a, int b) {
    float x = Simd.at(largest, a), y = Simd.at(largest, b);
    if (x > y || x < y) return x > y;
    return x == y || Float.isNaN(x) == Float.isNaN(y) ? a < b : Float.isNaN(y);
  }
}
