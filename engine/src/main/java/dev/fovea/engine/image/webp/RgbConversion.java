package dev.fovea.engine.image.webp;

/// Converts planes of luma and half-size chroma to RGB as libwebp does (ref: libwebp, `src/dsp/upsampling.c` and `src/dsp/yuv.h`).
///
/// A pixel's chroma is the mean of the four samples around it with the weights 9, 3, 3 and 1 of 16, where the last row and column
/// of samples are repeated beyond the edge; colours are BT.601 with luma from 16 to 235, in fixed point.
final class RgbConversion {
  private static final int LUMA = 19077;
  private static final int RED_OF_V = 26149;
  private static final int GREEN_OF_U = 6419;
  private static final int GREEN_OF_V = 13320;
  private static final int BLUE_OF_U = 33050;
  private static final int RED = -14234;
  private static final int GREEN = 8708;
  private static final int BLUE = -17685;
  private static final int FRACTION_BITS = 6;

  private final int width;
  private final int height;
  private final byte[] uRow;
  private final byte[] vRow;
  /// Chroma between two rows of samples, times 4, with the edges repeated; `[2 + (width + 1) / 2]`.
  private final int[] between;

  private RgbConversion(int width, int height) {
    this.width = width;
    this.height = height;
    uRow = new byte[width];
    vRow = new byte[width];
    between = new int[2 + (width + 1) / 2];
  }

  /// The pixels of the upper left `height × width` of the planes, `[height][width][3]`.
  static byte[] rgb(Plane y, Plane u, Plane v, int width, int height) {
    var rgb = new byte[Math.multiplyExact(3 * width, height)];
    var conversion = new RgbConversion(width, height);
    for (int row = 0; row < height; row++) {
      conversion.upsample(u, row, conversion.uRow);
      conversion.upsample(v, row, conversion.vRow);
      conversion.convert(y, row, rgb);
    }
    return rgb;
  }

  private void upsample(Plane plane, int row, byte[] to) {
    int near = row / 2, far = Math.clamp((row & 1) == 0 ? near - 1 : near + 1, 0, (height - 1) / 2);
    int nearAt = plane.at(0, near), farAt = plane.at(0, far), samples = between.length - 2;
    byte[] s = plane.samples;
    for (int i = 0; i < samples; i++) between[i + 1] = 3 * (s[nearAt + i] & 0xff) + (s[farAt + i] & 0xff);
    between[0] = between[1];
    between[samples + 1] = between[samples];
    for (int i = 0; i < width / 2; i++) {
      int here = 3 * between[i + 1] + 8;
      to[2 * i] = (byte) (here + between[i] >> 4);
      to[2 * i + 1] = (byte) (here + between[i + 2] >> 4);
    }
    if ((width & 1) != 0) to[width - 1] = (byte) (3 * between[samples] + between[samples - 1] + 8 >> 4);
  }

  private void convert(Plane plane, int row, byte[] rgb) {
    byte[] s = plane.samples;
    for (int x = 0, from = plane.at(0, row), to = 3 * width * row; x < width; x++, to += 3) {
      int luma = times(s[from + x] & 0xff, LUMA), u = uRow[x] & 0xff, v = vRow[x] & 0xff;
      rgb[to] = colour(luma + times(v, RED_OF_V) + RED);
      rgb[to + 1] = colour(luma - times(u, GREEN_OF_U) - times(v, GREEN_OF_V) + GREEN);
      rgb[to + 2] = colour(luma + times(u, BLUE_OF_U) + BLUE);
    }
  }

  private static int times(int sample, int factor) {
    return sample * factor >> 8;
  }

  private static byte colour(int fixed) {
    return (byte) Plane.clip(fixed >> FRACTION_BITS);
  }
}
