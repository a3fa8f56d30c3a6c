package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Copies matrices between two layouts, each given by its strides.
final class StridedCopy {
  /// Floats of room for [#copyTransposed].
  static final int ROOM = LANES * BlockTranspose.STRIDE;

  private StridedCopy() {}

  /// Whether the copy is a transposition, inner matrices adjacent in `from` and columns adjacent in `to`, with at least one block
  /// of [BlockTranspose].
  static boolean areTransposed(Matrices from, Matrices to) {
    return from.innerStride() == 1 && to.colStride() == 1 && from.colStride() > 1 && from.inner() >= LANES && from.cols() >= LANES;
  }

  /// Copies row `row` of all inner matrices block by block, where the two [#areTransposed].
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
          FloatVector.fromArray(F, room, j * BlockTranspose.STRIDE).intoMemorySegment(out, target + j * 4L * to.innerStride(), ORDER);
      }
    for (int i = 0; i < from.inner(); i++) copy(from, to, o, i, row, i < inner ? cols : 0);
  }

  /// Copies row by row, and each row number by number unless both have adjacent columns.
  static void byRows(Matrices from, Matrices to, Workers workers) {
    if (from.isEmpty()) return;
    workers.forEach(from.outer() * from.inner(), batch -> {
      for (int row = 0; row < from.rows(); row++) copyRow(from, to, batch / from.inner(), batch % from.inner(), row);
    });
  }

  private static void copyRow(Matrices from, Matrices to, int o, int i, int row) {
    long source = from.index(o, i, row, 0), target = to.index(o, i, row, 0);
    if (from.colStride() == 1 && to.colStride() == 1) {
      MemorySegment.copy(from.segment(), source * 4, to.segment(), target * 4, 4L * from.cols());
      return;
    }
    copy(from, to, o, i, row, 0);
  }

  /// Copies a row from column `col` on, number by number.
  private static void copy(Matrices from, Matrices to, int o, int i, int row, int col) {
    long source = from.index(o, i, row, 0), target = to.index(o, i, row, 0);
    for (int c = col; c < from.cols(); c++)
      Simd.put(to.segment(), target + c * to.colStride(), Simd.at(from.segment(), source + c * from.colStride()));
  }
}
