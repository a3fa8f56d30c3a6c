package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;

import dev.fovea.kernels.Matrices;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Copies matrices between layouts given by strides.
final class StridedCopy {
  /// Floats of scratch for [#copyTransposed].
  static final int ROOM = LANES * BlockTranspose.STRIDE;

  private StridedCopy() {}

  /// Whether the copy is a transposition of at least one block of [BlockTranspose]: inner matrices are adjacent in `from`, and
  /// columns are adjacent in `to`.
  static boolean areTransposed(Matrices from, Matrices to) {
    return from.innerStride() == 1 && to.colStride() == 1 && from.colStride() > 1 && from.inner() >= LANES && from.cols() >= LANES;
  }

  /// Copies row `row` of all inner matrices block by block; requires [#areTransposed].
  static void copyTransposed(Matrices from, Matrices to, int o, int row, float[] room) {
    MemorySegment x = from.segment(), out = to.segment();
    Simd.expectPlain(out);
    int inner = from.inner() / LANES * LANES, cols = from.cols() / LANES * LANES;
    for (int col = 0; col < cols; col += LANES)
      for (int i = 0; i < inner; i += LANES) {
        long source = 4 * from.index(o, i, row, col), target = 4 * to.index(o, i, row, col);
        for (int j = 0; j < LANES; j++)
          FloatVector.fromMemorySegment(F, x, source + j * 4L * from.colStride(), ORDER).intoArray(room, j * BlockTranspose.STRIDE);
        BlockTranspose.transpose(room, 0);
        for (int j = 0; j < LANES; j++)
          FloatVector.fromArray(F, room, j * BlockTranspose.STRIDE)
              .intoMemorySegment(out, target + j * 4L * to.innerStride(), ORDER);
      }
    for (int i = 0; i < from.inner(); i++) copy(from, to, from.index(o, i, row, 0), to.index(o, i, row, 0), i < inner ? cols : 0);
  }

  /// Number of matrices; none if they have no elements.
  static int matrices(Matrices from) {
    return from.isEmpty() ? 0 : from.outer() * from.inner();
  }

  /// Copies row `row` of one matrix, as a block if both have adjacent columns.
  static void row(Matrices from, Matrices to, int matrix, int row) {
    copyRow(from, to, matrix / from.inner(), matrix % from.inner(), row, row);
  }

  /// Copies the first `count` rows of one matrix to the rows from `row` on.
  static void byRows(Matrices from, Matrices to, int matrix, int row, int count) {
    int o = matrix / from.inner(), i = matrix % from.inner();
    for (int r = 0; r < count; r++) copyRow(from, to, o, i, r, row + r);
  }

  private static void copyRow(Matrices from, Matrices to, int o, int i, int row, int toRow) {
    long source = from.index(o, i, row, 0), target = to.index(o, i, toRow, 0);
    if (from.colStride() == 1 && to.colStride() == 1) {
      MemorySegment.copy(from.segment(), source * 4, to.segment(), target * 4, 4L * from.cols());
      return;
    }
    copy(from, to, source, target, 0);
  }

  /// Copies the row at `source` to `target` from column `col` on, number by number.
  private static void copy(Matrices from, Matrices to, long source, long target, int col) {
    for (int c = col; c < from.cols(); c++)
      Simd.put(to.segment(), target + c * to.colStride(), Simd.at(from.segment(), source + c * from.colStride()));
  }
}
