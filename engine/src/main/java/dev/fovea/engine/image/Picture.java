package dev.fovea.engine.image;

import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;

/// A picture of 8-bit red, green and blue. Its coordinates are those that people see: x from the left and y from above, after the
/// file's orientation, on the whole canvas of an animation.
///
/// @param name what error messages call it
/// @param rgb `[height][width][3]`; not to be changed
public record Picture(String name, int width, int height, byte[] rgb) {
  /// @throws IllegalArgumentException if `rgb` has another size
  public Picture {
    if (width < 1 || height < 1 || rgb.length != 3L * width * height)
      throw new IllegalArgumentException("picture " + width + "x" + height + ": expected " + 3L * width * height + " bytes, got "
          + rgb.length);
  }

  /// Reads a PNG, JPEG, WebP, BMP or GIF file, turned upright as its EXIF or XMP says; of an animation the first frame on its
  /// canvas. Alpha is dropped, grey and palettes are spread to three channels, of 16 bit the upper 8 are kept.
  ///
  /// @throws ImageException if there is no such file, or it is no picture, broken, cut off, or larger than
  ///   [ImageDecoder#MAX_PIXELS]; what of each format is read all the same, `docs/pictures.md` says
  public static Picture read(Path file) {
    if (Files.isDirectory(file)) throw new ImageException(file + ": expected a picture, got a directory");
    try {
      return ImageDecoder.decode(file.toString(), Files.readAllBytes(file));
    } catch (NoSuchFileException e) {
      throw new ImageException(file + ": no such file", e);
    } catch (IOException e) {
      throw new ImageException(file + ": cannot be read: " + WholeFile.reason(e), e);
    }
  }

  /// The red samples, black as `black` and white as `white`, in the upper left corner of a square that is black elsewhere.
  ///
  /// @param side of the square, no less than the picture's
  public float[] redOnSquare(int side, float black, float white) {
    var values = new float[side * side];
    Arrays.fill(values, black);
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) values[y * side + x] = black + (white - black) * (rgb[3 * (y * width + x)] & 0xff) / 255;
    return values;
  }

  /// The part of `width × height` pixels that begins at `(left, top)`.
  public Picture part(int left, int top, int width, int height) {
    var part = new byte[3 * width * height];
    for (int y = 0; y < height; y++) System.arraycopy(rgb, 3 * ((top + y) * this.width + left), part, 3 * y * width, 3 * width);
    return new Picture(name, width, height, part);
  }

  /// Decodes a picture that is in memory.
  ///
  /// @param name what error messages call it
  /// @throws ImageException as [#read(Path)]
  public static Picture decode(String name, byte[] bytes) {
    return ImageDecoder.decode(name, bytes);
  }
}
