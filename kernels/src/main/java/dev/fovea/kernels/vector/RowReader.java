package dev.fovea.kernels.vector;

import dev.fovea.kernels.Matrices;
import java.lang.foreign.MemorySegment;

/// Reads the rows of a product's left operand: rows of a matrix, or windows of a feature map.
@FunctionalInterface
interface RowReader {
  /// Copies columns `from … from + length - 1` of row `row` to position `at` of `to`.
  void copy(int row, int from, int length, float[] to, int at);

  /// The rows of matrix `(o, i)`.
  static RowReader of(Matrices m, int o, int i) {
    if (m.colStride() == 1)
      return (row, from, length, to, at) ->
          MemorySegment.copy(m.segment(), Simd.FLOAT, 4 * m.index(o, i, row, from), to, at, length);
    return (row, from, length, to, at) -> {
      long source = m.index(o, i, row, from);
      for (int k = 0; k < length; k++) to[at + k] = Simd.at(m.segment(), source + k * m.colStride());
    };
  }
}
