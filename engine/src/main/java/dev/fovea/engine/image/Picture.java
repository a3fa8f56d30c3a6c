package dev.fovea.engine.image;

import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.tensor.CancelledException;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// A picture of 8-bit red, green and blue samples, compared by name, size and samples. Coordinates are those of a viewer: x from
/// the left and y from the top, after the file's orientation is applied, on the whole canvas of an animation.
///
/// It holds 3 bytes per pixel in Java's heap, and nothing to close. Thread-safe as long as nobody modifies its samples. A null
/// argument is refused with a [NullPointerException] that names the parameter.
///
/// @param name name in error messages
/// @param rgb `[height][width][3]`; not copied, must not be modified
public record Picture(String name, int width, int height, byte[] rgb) {
  /// @throws IllegalArgumentException if a side is not positive, or the size of `rgb` does not match
  public Picture {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(rgb, "rgb");
    if (width < 1 || height < 1 || rgb.length != 3L * width * height)
      throw new IllegalArgumentException("picture " + width + "x" + height + ": expected " + 3L * width * height + " bytes, got "
          + rgb.length);
  }

  /// Reads a PNG, JPEG, WebP, BMP or GIF file, turned upright according to its EXIF or XMP; of an animation the first frame on its
  /// canvas. Alpha is dropped, grey and palettes are expanded to three channels, and 16-bit samples keep their upper 8 bits. The
  /// whole file and the picture are in memory meanwhile.
  ///
  /// @throws ImageException if there is no such file, or it is not a picture, broken, truncated, larger than
  ///   [ImageDecoder#MAX_PIXELS] or [ImageDecoder#MAX_BYTES], or there is not enough memory for it; `docs/pictures.md` lists the
  ///   damage that is tolerated per format
  /// @throws CancelledException if the thread is interrupted and the system stops reading
  public static Picture read(Path file) {
    Objects.requireNonNull(file, "file");
    if (Files.isDirectory(file)) throw new ImageException(file + ": expected a picture, got a directory");
    try (var in = Files.newInputStream(file)) {
      ImageDecoder.requireBytes(file.toString(), Files.size(file), ImageDecoder.MAX_BYTES);
      return ImageDecoder.decode(file.toString(), in, ImageDecoder.MAX_BYTES);
    } catch (NoSuchFileException e) {
      throw new ImageException(file + ": no such file", e);
    } catch (IOException e) {
      WholeFile.requireUninterrupted(file.toString(), e);
      throw new ImageException(file + ": cannot be read: " + WholeFile.reason(e), e);
    }
  }

  /// The red samples, scaled to `black` … `white`, in the upper left corner of a square that is `black` elsewhere: `[side][side]`.
  ///
  /// @param side of the square, at least the picture's longer side
  public float[] redOnSquare(int side, float black, float white) {
    if (side < Math.max(width, height))
      throw new IllegalArgumentException("side: expected at least " + Math.max(width, height) + " for this picture, got " + side);
    var values = new float[side * side];
    Arrays.fill(values, black);
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) values[y * side + x] = black + (white - black) * (rgb[3 * (y * width + x)] & 0xff) / 255;
    return values;
  }

  /// A copy of the part of `width × height` pixels at `(left, top)`.
  ///
  /// @throws IllegalArgumentException if the part does not lie inside the picture
  public Picture part(int left, int top, int width, int height) {
    if (left < 0 || top < 0 || width < 1 || height < 1 || left > this.width - width || top > this.height - height)
      throw new IllegalArgumentException(name + ": expected a part inside " + this.width + "x" + this.height + ", got "
          + width + "x" + height + " at " + left + "," + top);
    var part = new byte[3 * width * height];
    for (int y = 0; y < height; y++) System.arraycopy(rgb, 3 * ((top + y) * this.width + left), part, 3 * y * width, 3 * width);
    return new Picture(name, width, height, part);
  }

  /// Decodes a picture from memory.
  ///
  /// @param name name in error messages
  /// @param bytes the contents of a file; neither kept nor changed
  /// @throws ImageException as [#read(Path)]
  public static Picture decode(String name, byte[] bytes) {
    return ImageDecoder.decode(Objects.requireNonNull(name, "name"), Objects.requireNonNull(bytes, "bytes"));
  }

  /// The kind of picture that a text is in base64, such as `PNG`, as a `data:` URL or alone; null for other texts. Programs pass
  /// such texts by mistake where words are expected.
  public static @Nullable String kindInBase64(String text) {
    return PictureText.kind(Objects.requireNonNull(text, "text"));
  }

  /// Decodes a picture from a stream, which is read to its end, or to the limit of [#read(Path)], and stays open.
  ///
  /// @param name name in error messages
  /// @throws ImageException as [#read(Path)], or if the stream cannot be read
  /// @throws CancelledException if the stream ends because the thread is interrupted
  public static Picture decode(String name, InputStream in) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(in, "in");
    try {
      return ImageDecoder.decode(name, in, ImageDecoder.MAX_BYTES);
    } catch (IOException e) {
      WholeFile.requireUninterrupted(name, e);
      throw new ImageException(name + ": cannot be read: " + WholeFile.reason(e), e);
    }
  }

  /// A copy of an image, with the samples that [#read(Path)] gives for a file of it: alpha is dropped, and colours multiplied by it
  /// are divided by it first. Colours that are neither RGB nor grey are converted to sRGB. The image is upright: there is no EXIF.
  ///
  /// @param name name in error messages
  /// @throws ImageException if the image is larger than [ImageDecoder#MAX_PIXELS], or there is not enough memory for the copy
  public static Picture of(String name, BufferedImage image) {
    return ImageDecoder.of(Objects.requireNonNull(name, "name"), Objects.requireNonNull(image, "image"));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Picture that && width == that.width && height == that.height && name.equals(that.name)
        && Arrays.equals(rgb, that.rgb);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * Objects.hash(name, width) + height) + Arrays.hashCode(rgb);
  }

  @Override
  public String toString() {
    return "Picture[" + name + ", " + width + "x" + height + "]";
  }
}
