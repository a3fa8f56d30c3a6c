package dev.fovea.engine.image.webp;

import org.jetbrains.annotations.Nullable;

/// A picture of a WebP file: lossless, or lossy with or without a chunk of alpha.
///
/// @param x columns of the canvas to its left
/// @param y rows of the canvas above it
/// @param picture the chunk with its colours
/// @param alpha the chunk with its alpha, or null
record WebpFrame(int x, int y, int width, int height, RiffChunk picture, @Nullable RiffChunk alpha) {
  /// A frame with the size in the header of its picture.
  ///
  /// @throws WebpException if the header is broken
  static WebpFrame of(byte[] bytes, int x, int y, RiffChunk picture, @Nullable RiffChunk alpha) {
    if (picture.type() == RiffChunk.VP8L) {
      var header = LosslessHeader.read(bytes, picture.from(), picture.next());
      return new WebpFrame(x, y, header.width(), header.height(), picture, alpha);
    }
    var header = FrameTag.read(bytes, picture.from(), picture.next());
    return new WebpFrame(x, y, header.width(), header.height(), picture, alpha);
  }

  WebpFrame withoutAlpha() {
    return new WebpFrame(x, y, width, height, picture, null);
  }

  /// The red, green and blue, `[height][width][3]`. As in libwebp, the padding of the picture's chunk belongs to its data.
  ///
  /// @throws WebpException if the picture or its alpha is broken or truncated
  byte[] rgb(byte[] bytes) {
    if (picture.type() == RiffChunk.VP8L) return LosslessDecoder.decode(bytes, picture.from(), picture.next());
    if (alpha != null) AlphaPlane.check(bytes, alpha.from(), alpha.to(), width, height);
    return Vp8Decoder.decode(bytes, picture.from(), picture.next()).rgb();
  }
}
