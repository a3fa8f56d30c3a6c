package dev.fovea.models.sam;

import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.Resample;
import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.tensor.InputException;
import java.util.List;
import java.util.Locale;

/// Conversion of prompts to the coordinates of the resized picture (ref: segment_anything `utils/transforms.py`,
/// `ResizeLongestSide`).
final class Coordinates {
  private Coordinates() {}

  /// The coordinates `x, y` of each point.
  ///
  /// @throws InputException if a point is outside the picture
  static float[] ofPoints(List<Prompt.Point> points, int width, int height, Preprocessing.Size to) {
    var coordinates = new float[2 * points.size()];
    for (int i = 0; i < points.size(); i++) {
      var point = points.get(i);
      inside("point " + text(point.x()) + "," + text(point.y()), point.x(), point.y(), width, height);
      coordinates[2 * i] = scaled(point.x(), width, to.width());
      coordinates[2 * i + 1] = scaled(point.y(), height, to.height());
    }
    return coordinates;
  }

  /// The labels of points: 1 on the object, 0 on the background.
  static float[] labels(List<Prompt.Point> points) {
    var labels = new float[points.size()];
    for (int i = 0; i < labels.length; i++) labels[i] = points.get(i).foreground() ? 1 : 0;
    return labels;
  }

  /// The corners `x0, y0, x1, y1` of a box.
  ///
  /// @throws InputException if a corner is outside the picture, or the corners are swapped
  static float[] ofBox(Box box, int width, int height, Preprocessing.Size to) {
    var name = "box " + text(box.x0()) + "," + text(box.y0()) + "," + text(box.x1()) + "," + text(box.y1());
    inside(name, box.x0(), box.y0(), width, height);
    inside(name, box.x1(), box.y1(), width, height);
    if (box.x0() > box.x1() || box.y0() > box.y1())
      throw new InputException(name + ": expected the upper left corner, then the lower right");
    return new float[] {scaled(box.x0(), width, to.width()), scaled(box.y0(), height, to.height()), scaled(box.x1(), width,
        to.width()),
        scaled(box.y1(), height, to.height())};
  }

  private static void inside(String name, float x, float y, int width, int height) {
    if (!(x >= 0 && x <= width && y >= 0 && y <= height))
      throw new InputException(name + ": expected a place in the picture of " + width + "x" + height);
  }

  private static String text(float value) {
    return value == (int) value ? Integer.toString((int) value) : String.format(Locale.ROOT, "%s", value);
  }

  private static float scaled(float value, int from, int to) {
    return (float) ((double) value * to / from);
  }

  /// The logits of a drawn mask at the decoder's size: `sure` where it is white, `-sure` where it is black and in the padding.
  static float[] logits(Picture mask, Preprocessing.Size inner, int imageSize, int side, float sure) {
    int width = Math.max(1, Math.round((float) inner.width() * side / imageSize));
    int height = Math.max(1, Math.round((float) inner.height() * side / imageSize));
    return Resample.BILINEAR.apply(mask, width, height).redOnSquare(side, -sure, sure);
  }
}
