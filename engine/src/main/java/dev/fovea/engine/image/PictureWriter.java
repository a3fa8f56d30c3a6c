package dev.fovea.engine.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/// Encodes pictures as PNG and JPEG, and puts them side by side. Thread-safe. Arguments are neither kept nor changed; results are
/// the caller's own.
public final class PictureWriter {
  private PictureWriter() {}

  /// The bytes of a PNG file.
  public static byte[] png(Picture picture) {
    return png(image(picture));
  }

  /// The bytes of a PNG file in the image's own colour model, such as a palette or 16-bit grey.
  ///
  /// @throws ImageException if PNG cannot hold such an image
  public static byte[] png(BufferedImage image) {
    return bytes(Objects.requireNonNull(image, "image"), "PNG");
  }

  /// The bytes of a JPEG file of ImageIO's usual quality, which are fewer for a photograph, and lose some of it.
  public static byte[] jpeg(Picture picture) {
    return bytes(image(picture), "JPEG");
  }

  private static BufferedImage image(Picture picture) {
    var image = new BufferedImage(picture.width(), picture.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0, at = 0; y < picture.height(); y++)
      for (int x = 0; x < picture.width(); x++, at += 3)
        image.setRGB(x, y, (picture.rgb()[at] & 0xff) << 16 | (picture.rgb()[at + 1] & 0xff) << 8 | picture.rgb()[at + 2] & 0xff);
    return image;
  }

  private static byte[] bytes(BufferedImage image, String format) {
    Readers.registry();   // Before the first use of ImageIO.
    var bytes = new ByteArrayOutputStream();
    try (var out = new MemoryCacheImageOutputStream(bytes)) {
      if (!ImageIO.write(image, format, out)) throw new IOException("no writer takes such a picture");
    } catch (IOException e) {
      throw new ImageException("a picture of " + image.getWidth() + "x" + image.getHeight() + " cannot be written as " + format
          + ": " + e.getMessage(), e);
    }
    return bytes.toByteArray();
  }

  /// The pictures, at least one, side by side from left to right, aligned at the top, on black.
  ///
  /// @throws ImageException if the result would be larger than [ImageDecoder#MAX_PIXELS]
  public static Picture row(String name, List<Picture> pictures) {
    Objects.requireNonNull(name, "name");
    int height = pictures.stream().mapToInt(Picture::height).max().orElseThrow();
    long width = pictures.stream().mapToLong(Picture::width).sum();
    if (width * height > ImageDecoder.MAX_PIXELS)
      throw new ImageException(name + ": " + pictures.size() + " pictures side by side would have " + width + "x" + height
          + " pixels, more than " + ImageDecoder.MAX_PIXELS);
    var rgb = new byte[Math.toIntExact(3 * width * height)];
    int left = 0;
    for (var p : pictures) {
      for (int y = 0; y < p.height(); y++)
        System.arraycopy(p.rgb(), 3 * y * p.width(), rgb, Math.toIntExact(3 * (y * width + left)), 3 * p.width());
      left += p.width();
    }
    return new Picture(name, (int) width, height, rgb);
  }
}
