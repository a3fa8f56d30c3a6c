package dev.fovea.kernels.vector;

/// How rows are cut into tiles of [MicroKernel#MAX_ROWS] and one row less, so that no thin tile is left over; where the
/// rows are too few for that, the last tile is what remains.
///
/// @param rows how many rows there are
/// @param count how many tiles
/// @param tall how many of them, from the first, have [MicroKernel#MAX_ROWS] rows
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

  /// Rows of tile `i`.
  int rows(int i) {
    return start(i + 1) - start(i);
  }
}
