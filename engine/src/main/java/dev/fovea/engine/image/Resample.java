package dev.fovea.engine.image;

/// Resamples 8-bit pictures exactly as PIL does: support that grows with the reduction (antialiasing), weights in 22-bit
/// fixed point, rounding to 8 bit after each of the two passes (ref: Pillow, `src/libImaging/Resample.c`,
/// `ImagingResample`).
public enum Resample {
  /// Triangle; PIL's and PyTorch's "bilinear".
  BILINEAR(1, 2),
  /// Keys' cubic with `a = -0.5`.
  BICUBIC(2, 3),
  /// Windowed sinc of three lobes.
  LANCZOS(3, 1);

  private static final int PRECISION = 32 - 8 - 2;

  private final double support;
  private final int code;

  Resample(double support, int code) {
    this.support = support;
    this.code = code;
  }

  /// The filter of a PIL code in a published `preprocessor_config.json`.
  ///
  /// @throws IllegalArgumentException if the code is none of these
  public static Resample ofCode(int code) {
    for (var filter : values()) if (filter.code == code) return filter;
    throw new IllegalArgumentException("resample " + code + ": expected 1 (lanczos), 2 (bilinear) or 3 (bicubic)");
  }

  private double weight(double x) {
    x = Math.abs(x);
    if (x >= support) return 0;
    return switch (this) {
      case BILINEAR -> 1 - x;
      case BICUBIC -> x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2;
      case LANCZOS -> sinc(x) * sinc(x / 3);
    };
  }

  private static double sinc(double x) {
    return x == 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  }

  /// The picture, resized.
  public Picture apply(Picture p, int width, int height) {
    var rgb = p.rgb();
    if (width != p.width()) rgb = pass(rgb, p.height(), p.width(), 3 * p.width(), 3, width, 3 * width, 3);
    if (height != p.height()) rgb = pass(rgb, width, p.height(), 3, 3 * width, height, 3, 3 * width);
    return new Picture(p.name(), width, height, rgb);
  }

  /// Resamples `lines` lines from `in` to `out` samples; the strides define whether lines are rows or columns.
  private byte[] pass(byte[] from, int lines, int in, int fromLine, int fromStep, int out, int toLine, int toStep) {
    var to = new byte[Math.toIntExact(3L * lines * out)];
    double scale = (double) in / out, widened = Math.max(scale, 1), reach = support * widened;
    for (int i = 0; i < out; i++) {
      double center = (i + 0.5) * scale;
      int first = Math.max(0, (int) (center - reach + 0.5)), end = Math.min(in, (int) (center + reach + 0.5));
      int[] weights = weights(first, end, center, widened);
      for (int line = 0; line < lines; line++)
        for (int c = 0; c < 3; c++) {
          int sum = 1 << (PRECISION - 1), at = line * fromLine + first * fromStep + c;
          for (int k = 0; k < weights.length; k++, at += fromStep) sum += (from[at] & 0xff) * weights[k];
          to[line * toLine + i * toStep + c] = (byte) Math.clamp(sum >> PRECISION, 0, 255);
        }
    }
    return to;
  }

  private int[] weights(int first, int end, double center, double widened) {
    var exact = new double[end - first];
    double total = 0;
    for (int k = 0; k < exact.length; k++) total += exact[k] = weight((first + k - center + 0.5) / widened);
    var fixed = new int[exact.length];
    for (int k = 0; k < exact.length; k++) {
      double w = (total == 0 ? exact[k] : exact[k] / total) * (1 << PRECISION);
      fixed[k] = (int) (w < 0 ? w - 0.5 : w + 0.5);
    }
    return fixed;
  }
}
