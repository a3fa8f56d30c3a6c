package dev.fovea.engine.image.webp;

import java.nio.charset.StandardCharsets;

/// A chunk of a RIFF file.
///
/// @param type its four letters
/// @param from offset of its data
/// @param size size of its data in bytes, without the padding of an odd size
record RiffChunk(int type, int from, int size) {
  static final int HEADER = 8;
  static final int VP8 = type("VP8 "), VP8L = type("VP8L"), VP8X = type("VP8X"), ALPH = type("ALPH"), ANIM = type("ANIM"),
      ANMF = type("ANMF"), EXIF = type("EXIF"), XMP = type("XMP ");

  /// The type of these four letters.
  static int type(String letters) {
    return FrameTag.littleEndian(letters.getBytes(StandardCharsets.US_ASCII), 0, 4);
  }

  /// The chunk at `at`.
  ///
  /// @throws WebpException if it ends after `to`, the end of its container
  static RiffChunk read(byte[] bytes, int at, int to) {
    if (to - at < HEADER)
      throw new WebpException("the WebP file ends within a chunk: " + Math.max(0, to - at) + " bytes are less than its header");
    long size = FrameTag.littleEndian(bytes, at + 4, 4) & 0xffffffffL, even = size + (size & 1);
    if (even > to - at - HEADER)
      throw new WebpException("the WebP file ends within a chunk of " + even + " bytes, of which " + (to - at - HEADER)
          + " are there");
    return new RiffChunk(FrameTag.littleEndian(bytes, at, 4), at + HEADER, (int) size);
  }

  boolean isPicture() {
    return type == VP8 || type == VP8L;
  }

  /// End of the data, without padding.
  int to() {
    return from + size;
  }

  /// Offset of the next chunk.
  int next() {
    return from + size + (size & 1);
  }
}
