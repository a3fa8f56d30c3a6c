package dev.fovea.models;

import dev.fovea.engine.tensor.Tensor;

/// How far a model's output is from the reference's.
///
/// @param maxAbs largest magnitude of the reference
/// @param maxError largest difference; infinite where only one is finite or the infinities differ
public record Comparison(String name, int[] shape, double maxAbs, double maxError) {
  static Comparison of(String name, Tensor actual, float[] expected) {
    double maxAbs = 0, maxError = 0;
    var values = actual.toArray();
    for (int i = 0; i < expected.length; i++) {
      if (Float.compare(values[i], expected[i]) == 0) {
        if (Float.isFinite(expected[i])) maxAbs = Math.max(maxAbs, Math.abs(expected[i]));
      } else if (!Float.isFinite(values[i]) || !Float.isFinite(expected[i])) {
        maxError = Double.POSITIVE_INFINITY;
      } else {
        maxAbs = Math.max(maxAbs, Math.abs(expected[i]));
        maxError = Math.max(maxError, Math.abs((double) values[i] - expected[i]));
      }
    }
    return new Comparison(name, actual.shape(), maxAbs, maxError);
  }
}
