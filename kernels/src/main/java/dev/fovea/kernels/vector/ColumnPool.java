package dev.fovea.kernels.vector;

import java.util.ArrayDeque;

/// Arrays that the plain loops borrow. Each column of a matrix has an array of its own and all are read at one index: of such
/// loops C2 knows that no iteration depends on another one, and makes vector instructions of them.
final class ColumnPool {
  /// Floats of a column: rows that are worked on together.
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
