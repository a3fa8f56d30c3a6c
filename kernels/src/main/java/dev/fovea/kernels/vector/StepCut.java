package dev.fovea.kernels.vector;

/// How the `k` steps of a product are cut into pieces of nearly equal length, none above [MicroKernel#MAX_STEPS].
///
/// @param steps how many steps there are
/// @param count how many pieces; at least one
/// @param length steps of a piece, except perhaps the last
record StepCut(int steps, int count, int length) {
  static StepCut of(int steps) {
    int count = Math.max(1, Math.ceilDiv(steps, MicroKernel.MAX_STEPS));
    return new StepCut(steps, count, Math.ceilDiv(steps, count));
  }

  int start(int i) {
    return Math.min(steps, i * length);
  }

  int length(int i) {
    return start(i + 1) - start(i);
  }
}
