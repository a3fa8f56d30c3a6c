package dev.fovea.engine.image.webp;

/// Arithmetic on ARGB pixels in an `int`, byte by byte.
final class Argb {
  static final int BLACK = 0xff000000;

  private Argb() {}

  /// The sums of the bytes, modulo 256.
  static int plus(int a, int b) {
    return (a & 0xff00ff00) + (b & 0xff00ff00) & 0xff00ff00 | (a & 0xff00ff) + (b & 0xff00ff) & 0xff00ff;
  }

  /// The means of the bytes, rounded down.
  static int mean(int a, int b) {
    return (((a ^ b) & 0xfefefefe) >>> 1) + (a & b);
  }
}
