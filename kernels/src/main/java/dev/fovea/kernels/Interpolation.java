package dev.fovea.kernels;

import java.util.Arrays;

/// How [Kernels#resize] finds a value between two samples. Pixel centres lie at half-integers, so the source position of
/// output `i` is `(i + 0.5) · in / out - 0.5`.
public enum Interpolation {
  /// Two taps a dimension, the border repeats; PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
  BILINEAR,
  /// Four taps a dimension with `a = -0.75`, the border repeats; PyTorch's
  /// `interpolate(mode="bicubic", align_corners=False)`.
  BICUBIC,
  /// Keys' cubic with `a = -0.5`, as wide as the reduction asks; samples outside count for nothing. PyTorch's
  /// `interpolate(mode="bicubic", align_corners=False, antialias=True)`, which is also PIL's.
  BICUBIC_ANTIALIASED,
  /// The mean of the samples that an output covers; PyTorch's `interpolate(mode="area")`.
  AREA;

  private static final double A = -0.75;

  /// The coefficients that output sample `i` of `out` gives to the source samples from `first(i, in, out)` on.
  ///
  /// @return numbers that sum to 1
  public double[] coefficients(int i, int in, int out) {
    double position = position(i, in, out), t = position - Math.floor(position);
    return switch (this) {
      case BILINEAR -> new double[] {1 - t, t};
      case BICUBIC -> new double[] {far(t + 1), near(t), near(1 - t), far(2 - t)};
      case BICUBIC_ANTIALIASED -> antialiased(i, in, out);
      case AREA -> {
        var equal = new double[(int) Math.ceilDiv((i + 1L) * in, out) - first(i, in, out)];
        Arrays.fill(equal, 1.0 / equal.length);
        yield equal;
      }
    };
  }

  /// Index of the first source sample that output `i` reads; may lie outside `[0, in)`, where the border repeats.
  public int first(int i, int in, int out) {
    return switch (this) {
      case BILINEAR -> (int) Math.floor(position(i, in, out));
      case BICUBIC -> (int) Math.floor(position(i, in, out)) - 1;
      case BICUBIC_ANTIALIASED -> Math.max(0, (int) (position(i, in, out) + 1 - 2 * widening(in, out)));
      case AREA -> (int) ((long) i * in / out);
    };
  }

  private double position(int i, int in, int out) {
    double position = (i + 0.5) * in / out - 0.5;
    return this == BILINEAR ? Math.max(position, 0) : position;
  }

  /// How many source samples an output covers, at least one.
  private static double widening(int in, int out) {
    return Math.max(1, (double) in / out);
  }

  private double[] antialiased(int i, int in, int out) {
    double position = position(i, in, out), widening = widening(in, out);
    int first = first(i, in, out), end = Math.min(in, (int) (position + 1 + 2 * widening));
    var weights = new double[end - first];
    for (int k = 0; k < weights.length; k++) weights[k] = keys(Math.abs(first + k - position) / widening);
    double total = Arrays.stream(weights).sum();
    for (int k = 0; k < weights.length; k++) weights[k] /= total;
    return weights;
  }

  private static double keys(double t) {
    return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
  }

  private static double near(double t) {
    return ((A + 2) * t - (A + 3)) * t * t + 1;
  }

  private static double far(double t) {
    return ((A * t - 5 * A) * t + 8 * A) * t - 4 * A;
  }
}
