package dev.fovea.engine.image.webp;

/// Square blocks whose side is a power of two, the last ones cut off by the picture's edge.
final class Blocks {
  private Blocks() {}

  /// Number of blocks of `1 << shift` pixels that cover `length`.
  static int count(int length, int shift) {
    return length + (1 << shift) - 1 >> shift;
  }
}
