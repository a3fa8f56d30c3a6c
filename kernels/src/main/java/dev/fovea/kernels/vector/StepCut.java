package dev.fovea.kernels.vector;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.util.Arrays;

/// A division of the `k` steps of a product into pieces of nearly equal length, at most [MicroKernel#MAX_STEPS].
///
/// Pieces of a weight start at block boundaries, in every format at those of the longest blocks: a product has the same bits
/// whatever the format of its weight. The block length divides [MicroKernel#MAX_STEPS], so that no piece becomes longer.
///
/// @param steps number of steps
/// @param count number of pieces; at least one
/// @param length steps of each piece; the last one may be shorter
record StepCut(int steps, int count, int length) {
  /// The longest block of a format.
  private static final int BLOCK = Arrays.stream(WeightFormat.values()).mapToInt(WeightFormat::blockLength).max().orElseThrow();

  static StepCut of(int steps) {
    return of(steps, 1);
  }

  static StepCut of(Weight weight) {
    return of(weight.k(), BLOCK);
  }

  /// @param block length of a block, which is not divided
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
