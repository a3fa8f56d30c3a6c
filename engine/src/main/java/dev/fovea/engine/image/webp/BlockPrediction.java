package dev.fovea.engine.image.webp;

import java.util.Arrays;

/// Predicts the luma or chroma of whole macroblocks from the pixels above and to the left (RFC 6386, section 12.2).
final class BlockPrediction {
  private static final int NOTHING_KNOWN = 128;

  private BlockPrediction() {}

  /// Predicts the `size` x `size` pixels of the macroblock at `(column, row)`.
  static void predict(MacroblockMode mode, Plane plane, int size, int column, int row) {
    byte[] pixels = plane.samples;
    int at = plane.at(column * size, row * size), stride = plane.stride, above = at - stride;
    switch (mode) {
      case DC -> {
        var mean = (byte) mean(pixels, at, stride, size, column > 0, row > 0);
        for (int y = 0; y < size; y++) Arrays.fill(pixels, at + y * stride, at + y * stride + size, mean);
      }
      case VERTICAL -> {
        for (int y = 0; y < size; y++) System.arraycopy(pixels, above, pixels, at + y * stride, size);
      }
      case HORIZONTAL -> {
        for (int y = 0; y < size; y++) {
          int from = at + y * stride;
          Arrays.fill(pixels, from, from + size, pixels[from - 1]);
        }
      }
      case TRUE_MOTION -> {
        int corner = pixels[above - 1] & 0xff;
        for (int y = 0; y < size; y++) {
          int from = at + y * stride, gradient = (pixels[from - 1] & 0xff) - corner;
          for (int x = 0; x < size; x++) pixels[from + x] = (byte) Plane.clip((pixels[above + x] & 0xff) + gradient);
        }
      }
    }
  }

  private static int mean(byte[] pixels, int at, int stride, int size, boolean left, boolean above) {
    if (!left && !above) return NOTHING_KNOWN;
    int sum = 0, count = 0;
    if (left) {
      for (int y = 0; y < size; y++) sum += pixels[at + y * stride - 1] & 0xff;
      count += size;
    }
    if (above) {
      for (int x = 0; x < size; x++) sum += pixels[at - stride + x] & 0xff;
      count += size;
    }
    return (sum + count / 2) / count;
  }
}
