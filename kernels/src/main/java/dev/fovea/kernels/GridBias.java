package dev.fovea.kernels;

/// What is added to the scores of keys that lie in a grid of `R × C`, row by row: a number for the key's row and one for its
/// column, instead of one for each key (Li et al., "Improved Multiscale Vision Transformers", 2022, "decomposed relative
/// position embedding").
///
/// Both count from the grid's end, as the product of queries with a table of relative positions gives them: key `(r, c)` gets
/// `rows[query, R - 1 - r] + cols[query, C - 1 - c]`.
///
/// @param rows `[queries, R]` for each head, column stride 1
/// @param cols `[queries, C]` for each head, column stride 1
public record GridBias(Matrices rows, Matrices cols) {
  /// Keys in the grid.
  public int keys() {
    return Math.multiplyExact(rows.cols(), cols.cols());
  }

  /// Where the number for the grid's row `r` lies, in floats of `rows`.
  public long row(int o, int i, int query, int r) {
    return rows.index(o, i, query, rows.cols() - 1 - r);
  }

  /// Where the number for the grid's column `c` lies, in floats of `cols`.
  public long col(int o, int i, int query, int c) {
    return cols.index(o, i, query, cols.cols() - 1 - c);
  }

  GridBias on(BufferVisitor buffers) {
    return new GridBias(buffers.of("grid of keys", rows), buffers.of("grid of keys", cols));
  }

  /// Refuses sizes that do not fit queries and keys.
  void check(Matrices q, Matrices k) {
    if (keys() != k.rows())
      throw new IllegalArgumentException("grid of keys: " + rows.cols() + "x" + cols.cols() + " for " + k.rows() + " keys");
    for (var part : new Matrices[] {rows, cols}) {
      Check.batch("grid of keys", part, q.outer(), q.inner(), q.rows(), part.cols());
      Check.adjacent("grid of keys", part);
    }
  }
}
