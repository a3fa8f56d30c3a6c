package dev.fovea.kernels;

/// How [Kernels#resize] finds a value between two samples. Positions outside the map repeat its border.
public enum Interpolation {
  /// Two taps a dimension. Samples are squares and their centres lie at half-integers: the source position of output `i` is
  /// `(i + 0.5) · in / out - 0.5`. PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
  BILINEAR,
  /// Two taps a dimension. Samples are points and the outermost coincide: the source position of output `i` is
  /// `i · (in - 1) / (out - 1)`, and 0 for a single output. PyTorch's `interpolate(mode="bilinear", align_corners=True)`.
  BILINEAR_ALIGNED,
  /// Four taps a dimension with `a = -0.75` (Keys, "Cubic Convolution Interpolation", 1981), positions as for [#BILINEAR].
  /// PyTorch's `interpolate(mode="bicubic", align_corners=False)`.
  BICUBIC;

  /// Taps a dimension.
  public int taps() {
    return this == BICUBIC ? 4 : 2;
  }

  /// What output sample `i` of `out` takes of the source sample `first(i, in, out) + tap`; over all taps these sum to 1.
  public double coefficient(int tap, int i, int in, int out) {
    double position = position(i, in, out);
    double distance = Math.abs(position - Math.floor(position) - (tap - (taps() / 2 - 1)));
    return switch (this) {
      case BILINEAR, BILINEAR_ALIGNED -> 1 - distance;
      case BICUBIC -> distance <= 1 ? near(distance) : far(distance);
    };
  }

  /// Index of the first source sample that output `i` reads; may lie outside `[0, in)`, where the border repeats.
  public int first(int i, int in, int out) {
    return (int) Math.floor(position(i, in, out)) - (taps() / 2 - 1);
  }

  private double position(int i, int in, int out) {
    return switch (this) {
      case BILINEAR -> Math.max((i + 0.5) * in / out - 0.5, 0);
      case BILINEAR_ALIGNED -> out == 1 ? 0 : (double) ((long) i * (in - 1)) / (out - 1);
      case BICUBIC -> (i + 0.5) * in / out - 0.5;
    };
  }

  private static final double A = -0.75;

  private static double near(double t) {
    return ((A + 2) * t - (A + 3)) * t * t + 1;
  }

  private static double far(double t) {
    return ((A * t - 5 * A) * t + 8 * A) * t - 4 * A;
  }
}
