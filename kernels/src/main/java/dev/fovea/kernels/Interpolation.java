package dev.fovea.kernels;

/// How [Kernels#resize] finds a value between two samples. Pixel centres lie at half-integers, so the source position of
/// output `i` is `(i + 0.5) · in / out - 0.5`; positions outside repeat the border.
public enum Interpolation {
  /// Two taps a dimension; PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
  BILINEAR,
  /// Four taps a dimension with `a = -0.75`; PyTorch's `interpolate(mode="bicubic", align_corners=False)`.
  BICUBIC;

  /// Taps a dimension.
  public int taps() {
    return this == BILINEAR ? 2 : 4;
  }

  /// The coefficients that output sample `i` of `out` gives to the source samples
  /// `first(i, in, out) … first + taps() - 1`.
  ///
  /// @return [#taps()] numbers that sum to 1
  public double[] coefficients(int i, int in, int out) {
    double position = position(i, in, out);
    double t = position - Math.floor(position);
    return switch (this) {
      case BILINEAR -> new double[] {1 - t, t};
      case BICUBIC -> new double[] {far(t + 1), near(t), near(1 - t), far(2 - t)};
    };
  }

  /// Index of the first source sample that output `i` reads; may lie outside `[0, in)`, where the border repeats.
  public int first(int i, int in, int out) {
    return (int) Math.floor(position(i, in, out)) - (taps() / 2 - 1);
  }

  private double position(int i, int in, int out) {
    double position = (i + 0.5) * in / out - 0.5;
    return this == BILINEAR ? Math.max(position, 0) : position;
  }

  private static final double A = -0.75;

  private static double near(double t) {
    return ((A + 2) * t - (A + 3)) * t * t + 1;
  }

  private static double far(double t) {
    return ((A * t - 5 * A) * t + 8 * A) * t - 4 * A;
  }
}
