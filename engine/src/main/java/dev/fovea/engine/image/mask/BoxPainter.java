package dev.fovea.engine.image.mask;

import dev.fovea.engine.image.BitmapFont;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

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
    Objects.requireNonNull(boxes, "boxes");
    return overlay(picture, boxes, List.of(), IntStream.range(0, boxes.size()).boxed().toList());
  }

  /// The same with chosen colours, and below the boxes the masks of what is in them, filled and outlined in the boxes' colours.
  ///
  /// @param masks one of each box, or empty
  /// @param colours a number for each box, from 0: each has a colour of its own, the same in all pictures
  /// @throws IllegalArgumentException if there is another number of masks or colours, or a mask has another size than the picture
  public static byte[] overlay(Picture picture, List<LabelledBox> boxes, List<Mask> masks, List<Integer> colours) {
    Objects.requireNonNull(picture, "picture");
    int count = Objects.requireNonNull(boxes, "boxes").size();
    if (!Objects.requireNonNull(masks, "masks").isEmpty()) requireOneEach("masks", masks, count);
    requireOneEach("colours", Objects.requireNonNull(colours, "colours"), count);
    var image = MaskPainter.image(picture, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < masks.size(); i++)
      MaskPainter.paint(image, MaskPainter.sized(masks.get(i), picture), MaskPainter.colour(colours.get(i)));
    int scale = Math.max(1, Math.round((float) Math.min(picture.width(), picture.height()) / SMALL));
    for (int i = 0; i < count; i++) outline(image, boxes.get(i).box(), 2 * scale, MaskPainter.colour(colours.get(i)));
    for (int i = 0; i < count; i++) label(image, boxes.get(i), scale, MaskPainter.colour(colours.get(i)));
    return PictureWriter.png(image);
  }

  private static void requireOneEach(String name, List<?> list, int boxes) {
    if (list.size() != boxes) throw new IllegalArgumentException(name + ": expected one for each of " + boxes + " boxes, got "
        + list.size());
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
