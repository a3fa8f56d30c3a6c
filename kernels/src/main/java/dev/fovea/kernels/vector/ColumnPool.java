package dev.fovea.kernels.vector;

import java.util.ArrayDeque;

/// Arrays for the scalar loops. Each column of a matrix is an array of its own, and all are read at the same index: C2 then knows
/// that no iteration depends on another, and vectorizes the loop.
final class ColumnPool {
  /// Floats of a column: rows that one task computes together.
  static final int LENGTH = 256;

  private final ArrayDeque<float[]> idle = new ArrayDeque<>();

  /// `count` columns. The contents are what the last user left.
  synchronized float[][] borrow(int count) {
    var columns = new float[count][];
    for (int i = 0; i < count; i++) {
      var column = idle.pollLast();
      columns[i] = column == null ? new float[LENGTH] : column;
    }
    return columns;
  }

  synchronized void giveBack(float[][] columns) {
    for (var column : columns) idle.addLast(column);
  }
}
