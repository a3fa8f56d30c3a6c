package dev.fovea.kernels.vector;

import java.util.ArrayDeque;

/// A pool of arrays for the scalar loops. Each column of a matrix is a separate array, and all are read at the same index, so that
/// C2 proves the iterations independent and vectorizes the loop.
final class ColumnPool {
  /// Floats of a column: the rows of one task.
  static final int LENGTH = 256;
  /// Columns kept, 16 MiB: after a burst of callers there would be some for each, although only the first calls need any.
  static final int MOST = 1 << 14;

  private final ArrayDeque<float[]> idle = new ArrayDeque<>();

  /// Borrows `count` columns with undefined contents.
  synchronized float[][] borrow(int count) {
    var columns = new float[count][];
    for (int i = 0; i < count; i++) {
      var column = idle.pollLast();
      columns[i] = column == null ? new float[LENGTH] : column;
    }
    return columns;
  }

  synchronized void giveBack(float[][] columns) {
    for (int i = 0; i < columns.length && idle.size() < MOST; i++) idle.addLast(columns[i]);
  }
}
