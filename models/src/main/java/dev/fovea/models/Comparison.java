package dev.fovea.models;

import dev.fovea.engine.tensor.Tensor;
import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The error of a model's output relative to a reference. Two are equal if all their numbers are.
///
/// @param shape of the output; must not be modified
/// @param maxAbs largest magnitude of the reference
/// @param maxError largest difference, for classes that of their logits; infinite if two values differ and one is not finite, or
///     if tokens differ
public record Comparison(String name, int[] shape, double maxAbs, double maxError) {
  public Comparison {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(shape, "shape");
  }

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

  /// Compares tokens, which are equal or not: two that differ are an infinite error.
  static Comparison ofTokens(String name, Tensor actual, float[] expected) {
    double largest = 0;
    for (float token : expected) largest = Math.max(largest, token);
    return new Comparison(name, actual.shape(), largest,
        Arrays.equals(actual.toArray(), expected) ? 0 : Double.POSITIVE_INFINITY);
  }

  /// Compares classes. Where they differ, the error is the logit of the model's class minus that of the reference's class.
  ///
  /// @param actual `[B, H, W]`
  /// @param logits the model's logits of these classes, `[B, classes, H, W]`
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

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Comparison c && name.equals(c.name) && Arrays.equals(shape, c.shape)
        && Double.compare(maxAbs, c.maxAbs) == 0 && Double.compare(maxError, c.maxError) == 0;
  }

  @Override
  public int hashCode() {
    return 31 * Objects.hash(name, maxAbs, maxError) + Arrays.hashCode(shape);
  }

  @Override
  public String toString() {
    return name + " " + Arrays.toString(shape) + ": largest magnitude " + maxAbs + ", largest error " + maxError;
  }
}
