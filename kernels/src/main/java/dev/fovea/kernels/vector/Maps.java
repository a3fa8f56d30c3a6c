package dev.fovea.kernels.vector;

import dev.fovea.kernels.Matrices;
import java.lang.foreign.MemorySegment;

/// Copies between strides.
final class Maps {
  private Maps() {}

  /// Copies one row of a matrix.
  static void copyRow(Matrices from, Matrices to, int o, int i, int row) {
    long source = from.index(o, i, row, 0), target = to.index(o, i, row, 0);
    if (from.colStride() == 1 && to.colStride() == 1) {
      MemorySegment.copy(from.segment(), source * 4, to.segment(), target * 4, 4L * from.cols());
      return;
    }
    for (int c = 0; c < from.cols(); c++)
      Simd.put(to.segment(), target + c * to.colStride(), Simd.at(from.segment(), source + c * from.colStride()));
  }
}
