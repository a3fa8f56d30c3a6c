package dev.fovea.engine.image.webp;

/// The alpha of a lossy picture, in a separate chunk (RFC 9649, section 2.7.1.2). Alpha is dropped, so it is decoded only as far as
/// it can be invalid: its filters and level reduction cannot fail.
final class AlphaPlane {
  private static final int RAW = 0, COMPRESSED = 1, MAX_PREPROCESSING = 1;

  private AlphaPlane() {}

  /// @throws WebpException if the chunk at `[from, to)` of `bytes` is not the alpha of a picture of this size
  static void check(byte[] bytes, int from, int to, int width, int height) {
    if (to - from < 2) throw new WebpException("the alpha plane is cut: " + (to - from) + " bytes are less than its header");
    int method = bytes[from] & 3, preprocessing = bytes[from] >> 4 & 3, reserved = bytes[from] >> 6 & 3;
    if (method > COMPRESSED || preprocessing > MAX_PREPROCESSING || reserved != 0)
      throw new WebpException("the alpha plane has an unknown form: 0x%02x".formatted(bytes[from]));
    if (method == COMPRESSED) LosslessDecoder.checkAlpha(bytes, from + 1, to, width, height);
    else if (to - from - 1 < (long) width * height)
      throw new WebpException("the alpha plane is cut: " + (to - from - 1) + " bytes for " + width + "x" + height + " pixels");
  }
}
