package dev.fovea.kernels.vector;

/// A division of rows into tiles of [MicroKernel#MAX_ROWS] and one row less, without a thin tile at the end; if there are too few
/// rows for that, the last tile takes the remainder.
///
/// @param rows number of rows
/// @param count number of tiles
/// @param tall number of tiles, from the first, with [MicroKernel#MAX_ROWS] rows
record RowCut(int rows, int count, int tall) {
  private static final int MAX = MicroKernel.MAX_ROWS;

  static RowCut of(int rows) {
    int count = Math.ceilDiv(rows, MAX);
    int tall = rows - count * (MAX - 1);
    return new RowCut(rows, count, tall < 0 ? count : tall);
  }

  /// First row of tile `i`; for `i = count`, the number of rows.
  int start(int i) {
    return Math.min(rows, i <= tall ? i * MAX : tall * MAX + (i - tall) * (MAX - 1));
  }

  /// Number of rows of tile `i`.
  int rows(int i) {
    return start(i + 1) - start(i);
  }
}
