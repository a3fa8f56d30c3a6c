package dev.fovea.models.sam;

import dev.fovea.engine.image.mask.Box;
import dev.fovea.models.argument.Arguments;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// A prompt for a mask: any combination of points on the object and on the background, a box around it, and a rough mask of it.
/// Coordinates are in pixels from the picture's upper left corner; `(0.5, 0.5)` is the centre of the first pixel. A prompt is
/// immutable, and its places are checked against a picture by [SamSession]. Two are equal if all their numbers are.
///
/// @param mask logits of a mask, such as [MaskPrediction#logits()] of an earlier prediction; null for none; not copied, must not be
///   modified
public record Prompt(List<Point> points, @Nullable Box box, float @Nullable [] mask) {
  /// The empty prompt, for which the model chooses an object.
  public static final Prompt NOTHING = new Prompt(List.of(), null, null);

  /// A point in the picture.
  ///
  /// @param foreground whether the point is on the object
  public record Point(float x, float y, boolean foreground) {}

  public Prompt {
    points = Arguments.elements(points, "points");
  }

  /// The object at a point.
  public static Prompt point(float x, float y) {
    return NOTHING.and(x, y);
  }

  /// The object in a box from its upper left to its lower right corner.
  public static Prompt box(float x0, float y0, float x1, float y1) {
    return NOTHING.within(x0, y0, x1, y1);
  }

  /// The object in a box.
  public static Prompt box(Box box) {
    return new Prompt(List.of(), Objects.requireNonNull(box, "box"), null);
  }

  /// The same prompt with another point on the object.
  public Prompt and(float x, float y) {
    return with(new Point(x, y, true));
  }

  /// The same prompt with another point on the background.
  public Prompt not(float x, float y) {
    return with(new Point(x, y, false));
  }

  /// The same prompt with another point.
  public Prompt with(Point point) {
    var more = new ArrayList<>(points);
    more.add(Objects.requireNonNull(point, "point"));
    return new Prompt(more, box, mask);
  }

  /// The same prompt with this box around the object.
  public Prompt within(float x0, float y0, float x1, float y1) {
    return new Prompt(points, new Box(x0, y0, x1, y1), mask);
  }

  /// The same prompt with these logits of a rough mask, which are not copied.
  public Prompt like(float[] mask) {
    return new Prompt(points, box, Objects.requireNonNull(mask, "mask"));
  }

  /// Whether the prompt is ambiguous, for example between a shirt, a man and a crowd: true for one point alone.
  public boolean isAmbiguous() {
    return points.size() == 1 && box == null && mask == null;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Prompt p && points.equals(p.points) && Objects.equals(box, p.box) && Arrays.equals(mask, p.mask);
  }

  @Override
  public int hashCode() {
    return 31 * Objects.hash(points, box) + Arrays.hashCode(mask);
  }

  @Override
  public String toString() {
    return "points " + points + ", box " + box + ", mask " + (mask == null ? "none" : "of " + mask.length + " logits");
  }
}
