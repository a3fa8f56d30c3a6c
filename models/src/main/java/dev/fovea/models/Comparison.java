package dev.fovea.models;

import dev.fovea.engine.tensor.Tensor;

/// How far a model's output is from the reference's.
///
/// @param maxAbs largest magnitude of the reference
/// @param maxError largest difference, of classes that of their logits; infinite where only one is finite or the infinities differ
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

  /// Compares classes: where these differ, the error is how much less likely than its own answer the model finds the reference's.
  ///
  /// @param actual `[B, H, W]`
  /// @param logits that the classes were chosen by, `[B, classes, H, W]`
  static Comparison ofClasses(String name, Tensor actual, float[] expected, Tensor logits) {
    int classes = logits.dim(1), pixels = logits.dim(2) * logits.dim(3);
    float[] ours = actual.toArray(), scores = logits.toArray();
    double maxAbs = 0, maxError = 0;
    for (int i = 0; i < expected.length; i++) {
      maxAbs = Math.max(maxAbs, expected[i]);
      if (ours[i] == expected[i]) continue;
      boolean isClass = expected[i] >= 0 && expected[i] < classes;
      int picture = i / pixels * classes, pixel = i % pixels;
      maxError = Math.max(maxError, !isClass ? Double.POSITIVE_INFINITY
          : scores[(picture + (int) ours[i]) * pixels + pixel] - scores[(picture + (int) expected[i]) * pixels + pixel]);
    }
    return new Comparison(name, actual.shape(), maxAbs, maxError);
  }
}
