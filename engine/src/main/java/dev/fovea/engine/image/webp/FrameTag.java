package dev.fovea.engine.image.webp;

/// The ten bytes before the partitions of a VP8 key frame (RFC 6386, section 9.1).
///
/// @param width in pixels, 1 to 16383
/// @param height in pixels, 1 to 16383
/// @param firstPartition the size of the first partition in bytes
record FrameTag(int width, int height, int firstPartition) {
  static final int BYTES = 10;
  private static final int LAST_PROFILE = 3;

  /// The tag of the frame at `[from, to)` of `bytes`. Scales are hints for a display and ignored.
  ///
  /// @throws WebpException if the frame is truncated, not a key frame, hidden, of an unknown profile or without pixels
  static FrameTag read(byte[] bytes, int from, int to) {
    if (to - from < BYTES) throw new WebpException("the lossy picture is cut: " + (to - from) + " bytes are less than its header");
    int bits = littleEndian(bytes, from, 3), profile = bits >> 1 & 7, firstPartition = bits >> 5;
    if ((bits & 1) != 0) throw new WebpException("the lossy picture is no key frame");
    if (profile > LAST_PROFILE)
      throw new WebpException("the lossy picture has the profile " + profile + ", expected 0 to " + LAST_PROFILE);
    if ((bits >> 4 & 1) == 0) throw new WebpException("the lossy picture is a frame that is not shown");
    if (littleEndian(bytes, from + 3, 3) != 0x2a019d) throw new WebpException("the lossy picture has no VP8 start code");
    int width = littleEndian(bytes, from + 6, 2) & 0x3fff, height = littleEndian(bytes, from + 8, 2) & 0x3fff;
    if (width == 0 || height == 0) throw new WebpException("the lossy picture is empty: " + width + "x" + height);
    if (firstPartition > to - from - BYTES)
      throw new WebpException(
          "the lossy picture is cut: its first partition takes " + firstPartition + " bytes of the frame's " + (to - from));
    return new FrameTag(width, height, firstPartition);
  }

  /// An unsigned number of `count` bytes, the lowest first.
  static int littleEndian(byte[] bytes, int at, int count) {
    int number = 0;
    for (int i = count - 1; i >= 0; i--) number = number << 8 | bytes[at + i] & 0xff;
    return number;
  }

  /// The number of macroblocks in a row.
  int columns() {
    return width + 15 >> 4;
  }

  /// The number of rows of macroblocks.
  int rows() {
    return height + 15 >> 4;
  }
}
