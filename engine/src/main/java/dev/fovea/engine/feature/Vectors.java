package dev.fovea.engine.feature;

import java.util.Objects;

/// Lengths and angles of feature vectors, in double precision.
public final class Vectors {
  private Vectors() {}

  /// The cosine of the angle between two vectors, in `[-1, 1]`; 0 if one has length 0.
  ///
  /// @throws IllegalArgumentException if the vectors have different dimensions
  public static double cosine(float[] a, float[] b) {
    if (a.length != b.length)
      throw new IllegalArgumentException("cosine: expected vectors of one dimension, got " + a.length + " and " + b.length);
    double lengths = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b));
    return lengths == 0 ? 0 : Math.clamp(dot(a, b) / lengths, -1, 1);
  }

  /// The vector of length 1 in the same direction; a zero vector is unchanged.
  public static float[] normalized(float[] vector) {
    Objects.requireNonNull(vector, "vector");
    double length = Math.sqrt(dot(vector, vector));
    var out = vector.clone();
    if (length != 0) for (int i = 0; i < out.length; i++) out[i] = (float) (vector[i] / length);
    return out;
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) sum += (double) a[i] * b[i];
    return sum;
  }
}
