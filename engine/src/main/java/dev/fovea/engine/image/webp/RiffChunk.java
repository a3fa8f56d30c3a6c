package dev.fovea.engine.image.webp;

import java.nio.charset.StandardCharsets;

/// A chunk of a RIFF file.
///
/// @param type its four letters
/// @param from where its bytes begin
/// @param size how many they are, without the one that makes an odd number even
record RiffChunk(int type, int from, int size) {
  static final int HEADER = 8;
  static final int VP8 = type("VP8 "), VP8L = type("VP8L"), VP8X = type("VP8X"), ALPH = type("ALPH"), ANIM = type("ANIM"),
      ANMF = type("ANMF"), EXIF = type("EXIF"), XMP = type("XMP ");

  /// The number that four letters are in a file.
  static int type(String letters) {
    return FrameTag.littleEndian(letters.getBytes(StandardCharsets.US_ASCII), 0, 4);
  }

  /// The chunk at `at`.
  ///
  /// @throws WebpException if it ends behind `to`, where what it lies in ends
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

  /// Where the bytes end, the added one not counted.
  int to() {
    return from + size;
  }

  /// Where the next chunk begins.
  int next() {
    return from + size + (size & 1);
  }
}
