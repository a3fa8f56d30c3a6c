package dev.fovea.engine.image.webp;

/// The first five bytes of a lossless picture (RFC 9649, section 3.4).
///
/// @param width in pixels, 1 to 16384
/// @param height in pixels, 1 to 16384
record LosslessHeader(int width, int height) {
  static final int BYTES = 5;
  private static final int SIGNATURE = 0x2f, SIZE_BITS = 14;

  /// @throws WebpException if the bytes at `[from, to)` do not start a lossless picture, or one of another version
  static LosslessHeader read(byte[] bytes, int from, int to) {
    if (to - from < BYTES)
      throw new WebpException("the lossless picture is cut: " + (to - from) + " bytes are less than its header");
    if (bytes[from] != SIGNATURE) throw new WebpException("the lossless picture has no VP8L signature");
    int bits = FrameTag.littleEndian(bytes, from + 1, 4), sizes = (1 << SIZE_BITS) - 1, version = bits >>> 2 * SIZE_BITS + 1;
    if (version != 0) throw new WebpException("the lossless picture has the version " + version + ", expected 0");
    return new LosslessHeader(1 + (bits & sizes), 1 + (bits >>> SIZE_BITS & sizes));
  }
}
