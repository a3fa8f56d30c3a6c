package dev.fovea.engine.image.webp;

import java.util.Arrays;

/// The samples of luma or of one chroma channel, in whole macroblocks, with the border for prediction: a row of 127 above,
/// including the corner, and a column of 129 to the left (RFC 6386, section 12.2).
final class Plane {
  private static final byte ABOVE = 127;
  private static final byte LEFT = (byte) 129;

  /// The border's row, then `[height][1 + width]`.
  final byte[] samples;
  /// The distance between a sample and the one below.
  final int stride;

  Plane(int width, int height) {
    stride = 1 + width;
    samples = new byte[Math.multiplyExact(stride, 1 + height)];
    Arrays.fill(samples, 0, stride, ABOVE);
    for (int y = 0; y < height; y++) samples[at(-1, y)] = LEFT;
  }

  /// The index of a sample.
  int at(int x, int y) {
    return (y + 1) * stride + x + 1;
  }

  /// `value` clamped to 0 to 255.
  static int clip(int value) {
    return Math.max(0, Math.min(255, value));
  }
}
