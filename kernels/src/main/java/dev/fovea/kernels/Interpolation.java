package dev.fovea.kernels;

/// The interpolation method of [Operation.Resize]. Positions outside the map repeat its border, unless stated otherwise.
public enum Interpolation {
  /// Two taps per dimension. Samples are squares with centres at half-integers: the source position of output `i` is
  /// `(i + 0.5) · in / out - 0.5`. PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
  BILINEAR,
  /// Two taps per dimension. Samples are points and the outermost ones coincide: the source position of output `i` is
  /// `i · (in - 1) / (out - 1)`, and 0 for a single output. PyTorch's `interpolate(mode="bilinear", align_corners=True)`.
  BILINEAR_ALIGNED,
  /// Four taps per dimension with `a = -0.75` (Keys, "Cubic Convolution Interpolation", 1981), positions as for [#BILINEAR].
  /// PyTorch's `interpolate(mode="bicubic", align_corners=False)`.
  BICUBIC,
  /// Keys' cubic with `a = -0.5`, widened by the factor of a reduction, positions as for [#BILINEAR]; samples outside have
  /// weight 0. PyTorch's `interpolate(mode="bicubic", align_corners=False, antialias=True)`, which is also PIL's.
  BICUBIC_ANTIALIASED,
  /// The mean of the samples covered by an output. PyTorch's `interpolate(mode="area")`.
  AREA;

  /// Taps in one dimension; the last ones of some outputs may have weight 0.
  public int taps(int in, int out) {
    return switch (this) {
      case BILINEAR, BILINEAR_ALIGNED -> 2;
      case BICUBIC -> 4;
      case BICUBIC_ANTIALIASED -> 2 * (int) Math.ceil(2 * widening(in, out)) + 1;
      case AREA -> Math.ceilDiv(in, out) + (in % out == 0 ? 0 : 1);
    };
  }

  /// The weight of source sample `first(i, in, out) + tap` in output sample `i` of `out`; the weights of all taps sum to 1.
  public double coefficient(int tap, int i, int in, int out) {
    double position = position(i, in, out);
    double distance = Math.abs(first(i, in, out) + tap - position);
    return switch (this) {
      case BILINEAR, BILINEAR_ALIGNED -> 1 - distance;
      case BICUBIC -> distance <= 1 ? near(-0.75, distance) : far(-0.75, distance);
      case BICUBIC_ANTIALIASED -> antialiased(tap, i, in, out) / antialiasedSum(i, in, out);
      case AREA -> {
        int covered = (int) Math.ceilDiv((i + 1L) * in, out) - first(i, in, out);
        yield tap < covered ? 1.0 / covered : 0;
      }
    };
  }

  /// Index of the first source sample of output `i`; may lie outside `[0, in)`, where the border repeats.
  public int first(int i, int in, int out) {
    return switch (this) {
      case BILINEAR, BILINEAR_ALIGNED -> (int) Math.floor(position(i, in, out));
      case BICUBIC -> (int) Math.floor(position(i, in, out)) - 1;
      case BICUBIC_ANTIALIASED -> Math.max(0, (int) (position(i, in, out) + 1 - 2 * widening(in, out)));
      case AREA -> (int) ((long) i * in / out);
    };
  }

  private double position(int i, int in, int out) {
    return switch (this) {
      case BILINEAR -> Math.max((i + 0.5) * in / out - 0.5, 0);
      case BILINEAR_ALIGNED -> out == 1 ? 0 : (double) ((long) i * (in - 1)) / (out - 1);
      case BICUBIC, BICUBIC_ANTIALIASED, AREA -> (i + 0.5) * in / out - 0.5;
    };
  }

  /// Source samples covered by one output, at least one.
  private static double widening(int in, int out) {
    return Math.max(1, (double) in / out);
  }

  /// A coefficient before normalisation by their sum; 0 outside the map.
  private double antialiased(int tap, int i, int in, int out) {
    int source = first(i, in, out) + tap;
    double distance = Math.abs(source - position(i, in, out)) / widening(in, out);
    return source >= in || distance >= 2 ? 0 : distance <= 1 ? near(-0.5, distance) : far(-0.5, distance);
  }

  private double antialiasedSum(int i, int in, int out) {
    double sum = 0;
    for (int tap = 0; tap < taps(in, out); tap++) sum += antialiased(tap, i, in, out);
    return sum;
  }

  private static double near(double a, double t) {
    return ((a + 2) * t - (a + 3)) * t * t + 1;
  }

  private static double far(double a, double t) {
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  }
}
