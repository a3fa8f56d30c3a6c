package dev.fovea.kernels.vector;

import dev.fovea.kernels.Weight;

/// How the `k` steps of a product are cut into pieces of nearly equal length, none above [MicroKernel#MAX_STEPS].
///
/// Pieces of a weight begin where its blocks do. A block's length divides [MicroKernel#MAX_STEPS], so that no piece becomes longer
/// than that.
///
/// @param steps how many steps there are
/// @param count how many pieces; at least one
/// @param length steps of a piece, except perhaps the last
record StepCut(int steps, int count, int length) {
  static StepCut of(int steps) {
    return of(steps, 1);
  }

  static StepCut of(Weight weight) {
    return of(weight.k(), weight.format().blockLength());
  }

  /// @param block steps that must not be parted
  static StepCut of(int steps, int block) {
    if (MicroKernel.MAX_STEPS % block != 0)
      throw new IllegalArgumentException("block: expected a divisor of " + MicroKernel.MAX_STEPS + ", got " + block);
    int count = Math.max(1, Math.ceilDiv(steps, MicroKernel.MAX_STEPS));
    return new StepCut(steps, count, Math.ceilDiv(Math.ceilDiv(steps, count), block) * block);
  }

  int start(int i) {
    return Math.min(steps, i * length);
  }

  int length(int i) {
    return start(i + 1) - start(i);
  }
}
