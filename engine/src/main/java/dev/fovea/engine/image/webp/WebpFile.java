package dev.fovea.engine.image.webp;

import org.jetbrains.annotations.Nullable;

/// A WebP file with its chunks read and its pixels not decoded yet.
public final class WebpFile {
  private final byte[] bytes;
  private final int width;
  private final int height;
  private final WebpFrame frame;
  private final byte @Nullable [] exif;
  private final byte @Nullable [] xmp;

  /// @param frame the picture, or an animation's first frame, which lies on the canvas
  WebpFile(byte[] bytes, int width, int height, WebpFrame frame, byte @Nullable [] exif, byte @Nullable [] xmp) {
    this.bytes = bytes;
    this.width = width;
    this.height = height;
    this.frame = frame;
    this.exif = exif;
    this.xmp = xmp;
  }

  /// Whether the bytes start like a WebP file.
  public static boolean isWebp(byte[] bytes) {
    return WebpContainer.isWebp(bytes);
  }

  /// Reads the chunks of a file for which [#isWebp] holds, and the headers of its pictures.
  ///
  /// @throws WebpException if the file is truncated, or its chunks are invalid
  public static WebpFile read(byte[] bytes) {
    return WebpContainer.read(bytes);
  }

  /// Width of the canvas in pixels.
  public int width() {
    return width;
  }

  /// Height of the canvas in pixels.
  public int height() {
    return height;
  }

  /// A TIFF, with or without `Exif\0\0` before it; null for none.
  public byte @Nullable [] exif() {
    return exif;
  }

  /// A packet of XMP in UTF-8; null for none.
  public byte @Nullable [] xmp() {
    return xmp;
  }

  /// The red, green and blue of the canvas, `[height][width][3]`: alpha is dropped, and the canvas around the first frame of an
  /// animation is black. Takes 7 to 14 bytes of memory per pixel, so callers check the size first.
  ///
  /// @throws WebpException if the picture is broken or truncated
  public byte[] rgb() {
    byte[] pixels = frame.rgb(bytes);
    if (frame.width() == width && frame.height() == height) return pixels;
    var canvas = new byte[3 * width * height];
    for (int row = 0; row < frame.height(); row++)
      System.arraycopy(pixels, 3 * row * frame.width(), canvas, 3 * ((frame.y() + row) * width + frame.x()), 3 * frame.width());
    return canvas;
  }
}
