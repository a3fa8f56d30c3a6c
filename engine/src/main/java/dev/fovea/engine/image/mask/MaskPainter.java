package dev.fovea.engine.image.mask;

import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.List;

/// Renders masks as PNG.
public final class MaskPainter {
  private static final int COLOUR_PERCENT = 55;
  /// Step of the hue from one mask to the next; the golden ratio keeps successive hues apart.
  private static final float HUE_STEP = 0.618034f, FIRST_HUE = 0.58f;

  private MaskPainter() {}

  /// The picture with each mask filled and outlined in its own colour; later masks cover earlier ones.
  ///
  /// @throws IllegalArgumentException if a mask has another size
  public static byte[] overlay(Picture picture, List<Mask> masks) {
    var image = image(picture, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < masks.size(); i++)
      paint(image, sized(masks.get(i), picture), colour(i));
    return PictureWriter.png(image);
  }

  /// The colour of the i-th thing in a picture.
  static int colour(int i) {
    return Color.HSBtoRGB(FIRST_HUE + i * HUE_STEP, 0.9f, 1);
  }

  static void paint(BufferedImage image, Mask mask, int colour) {
    for (int y = 0; y < mask.height(); y++)
      for (int x = 0; x < mask.width(); x++) {
        if (!mask.at(x, y)) continue;
        boolean border = !mask.at(x - 1, y) || !mask.at(x + 1, y) || !mask.at(x, y - 1) || !mask.at(x, y + 1);
        image.setRGB(x, y, border ? colour : mix(image.getRGB(x, y), colour));
      }
  }

  private static int mix(int below, int above) {
    int mixed = 0;
    for (int shift = 0; shift <= 16; shift += 8)
      mixed |= ((below >> shift & 0xff) * (100 - COLOUR_PERCENT) + (above >> shift & 0xff) * COLOUR_PERCENT) / 100 << shift;
    return mixed;
  }

  /// The picture where the mask is, transparent elsewhere.
  ///
  /// @throws IllegalArgumentException if the mask has another size
  public static byte[] cutOut(Picture picture, Mask mask) {
    var image = image(picture, BufferedImage.TYPE_INT_ARGB);
    sized(mask, picture);
    for (int y = 0; y < mask.height(); y++) for (int x = 0; x < mask.width(); x++) if (!mask.at(x, y)) image.setRGB(x, y, 0);
    return PictureWriter.png(image);
  }

  /// White where the mask is, black elsewhere.
  public static byte[] binary(Mask mask) {
    var image = new BufferedImage(mask.width(), mask.height(), BufferedImage.TYPE_BYTE_BINARY);
    for (int y = 0; y < mask.height(); y++)
      for (int x = 0; x < mask.width(); x++) if (mask.at(x, y)) image.setRGB(x, y, 0xffffff);
    return PictureWriter.png(image);
  }

  static Mask sized(Mask mask, Picture picture) {
    if (mask.width() != picture.width() || mask.height() != picture.height())
      throw new IllegalArgumentException("mask: expected " + picture.width() + "x" + picture.height() + ", got " + mask);
    return mask;
  }

  static BufferedImage image(Picture picture, int type) {
    var image = new BufferedImage(picture.width(), picture.height(), type);
    for (int i = 0; i < picture.width() * picture.height(); i++) {
      var rgb = picture.rgb();
      image.setRGB(i % picture.width(), i / picture.width(),
          0xff << 24 | (rgb[3 * i] & 0xff) << 16 | (rgb[3 * i + 1] & 0xff) << 8 | rgb[3 * i + 2] & 0xff);
    }
    return image;
  }
}
