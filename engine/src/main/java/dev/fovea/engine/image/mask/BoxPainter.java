package dev.fovea.engine.image.mask;

import dev.fovea.engine.image.BitmapFont;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Objects;

/// Renders labelled boxes as PNG. Thread-safe. Arguments are neither kept nor changed; results are the caller's own.
public final class BoxPainter {
  /// Shorter side of a picture, in pixels, for which lines and letters have their smallest readable size.
  private static final int SMALL = 320;
  private static final int DARK = 0x101010, LIGHT = 0xffffff;

  private BoxPainter() {}

  /// The picture with each box outlined in its own colour, and its label above its upper left corner, or inside where there is no
  /// room above. Later boxes cover earlier ones, and what lies outside the picture is left out. Characters outside ASCII become
  /// question marks.
  public static byte[] overlay(Picture picture, List<LabelledBox> boxes) {
    Objects.requireNonNull(picture, "picture");
    Objects.requireNonNull(boxes, "boxes");
    var image = MaskPainter.image(picture, BufferedImage.TYPE_INT_RGB);
    int scale = Math.max(1, Math.round((float) Math.min(picture.width(), picture.height()) / SMALL));
    for (int i = 0; i < boxes.size(); i++) outline(image, boxes.get(i).box(), 2 * scale, MaskPainter.colour(i));
    for (int i = 0; i < boxes.size(); i++) label(image, boxes.get(i), scale, MaskPainter.colour(i));
    return PictureWriter.png(image);
  }

  private static void outline(BufferedImage image, Box box, int thickness, int colour) {
    int left = Math.round(box.x0()), top = Math.round(box.y0()), right = Math.round(box.x1()), bottom = Math.round(box.y1());
    fill(image, left, top, right, Math.min(bottom, top + thickness), colour);
    fill(image, left, Math.max(top, bottom - thickness), right, bottom, colour);
    fill(image, left, top, Math.min(right, left + thickness), bottom, colour);
    fill(image, Math.max(left, right - thickness), top, right, bottom, colour);
  }

  private static void label(BufferedImage image, LabelledBox box, int scale, int colour) {
    if (box.label().isEmpty()) return;
    int margin = 2 * scale, height = BitmapFont.HEIGHT * scale + 2 * margin;
    int width = BitmapFont.width(box.label(), scale) + 2 * margin - scale;
    int left = Math.clamp(Math.round(box.box().x0()), 0, Math.max(0, image.getWidth() - width));
    int top = Math.round(box.box().y0()) - height;
    if (top < 0) top = Math.max(0, Math.round(box.box().y0()));
    fill(image, left, top, left + width, top + height, colour);
    BitmapFont.draw(image, box.label(), left + margin, top + margin, scale, isBright(colour) ? DARK : LIGHT);
  }

  /// By the weights of luma (ref: ITU-R BT.601).
  private static boolean isBright(int colour) {
    return 299 * (colour >> 16 & 0xff) + 587 * (colour >> 8 & 0xff) + 114 * (colour & 0xff) > 128_000;
  }

  private static void fill(BufferedImage image, int left, int top, int right, int bottom, int colour) {
    for (int y = Math.max(0, top); y < Math.min(image.getHeight(), bottom); y++)
      for (int x = Math.max(0, left); x < Math.min(image.getWidth(), right); x++) image.setRGB(x, y, colour);
  }
}
