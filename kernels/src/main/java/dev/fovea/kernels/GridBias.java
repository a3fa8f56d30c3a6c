package dev.fovea.kernels;

import java.util.Objects;

/// A decomposed bias for the scores of keys that form an `R × C` grid in row-major order: one number for the key's row plus one for
/// its column, instead of one for each key (Li et al., "Improved Multiscale Vision Transformers", 2022, "decomposed relative
/// position embedding").
///
/// Both are in reverse order, as the product of queries and a table of relative positions yields them: the bias of key `(r, c)` is
/// `rows[query, R - 1 - r] + cols[query, C - 1 - c]`.
///
/// @param rows `[queries, R]` for each head, column stride 1
/// @param cols `[queries, C]` for each head, column stride 1
public record GridBias(Matrices rows, Matrices cols) {
  public GridBias {
    Objects.requireNonNull(rows, "rows");
    Objects.requireNonNull(cols, "cols");
  }

  /// Number of keys in the grid.
  public int keys() {
    return Math.multiplyExact(rows.cols(), cols.cols());
  }

  /// Position in `rows` of the number for row `r` of the grid, in floats.
  public long row(int o, int i, int query, int r) {
    return rows.index(o, i, query, rows.cols() - 1 - r);
  }

  /// Position in `cols` of the number for column `c` of the grid, in floats.
  public long col(int o, int i, int query, int c) {
    return cols.index(o, i, query, cols.cols() - 1 - c);
  }

  GridBias on(BufferVisitor buffers) {
    return new GridBias(buffers.of("grid of keys", rows), buffers.of("grid of keys", cols));
  }

  /// @throws IllegalArgumentException if a size does not fit the queries and keys
  void check(Matrices q, Matrices k) {
    if (keys() != k.rows())
      throw new IllegalArgumentException("grid of keys: " + rows.cols() + "x" + cols.cols() + " for " + k.rows() + " keys");
    for (var part : new Matrices[] {rows, cols}) {
      Check.batch("grid of keys", part, q.outer(), q.inner(), q.rows(), part.cols());
      Check.adjacent("grid of keys", part);
    }
  }
}
