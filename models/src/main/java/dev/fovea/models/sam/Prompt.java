package dev.fovea.models.sam;

import dev.fovea.engine.image.mask.Box;
import java.util.List;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// What a mask is asked for with: points on the object and on the background, a box around it, a rough mask of it, any of them
/// together or none. Coordinates count the picture's pixels from its upper left corner; `(0.5, 0.5)` is the centre of the first.
///
/// @param mask what an earlier answer gave, see [MaskPrediction#logits()]; null for none
public record Prompt(List<Point> points, @Nullable Box box, float @Nullable [] mask) {
  /// Nothing is asked for: the model takes what it likes.
  public static final Prompt NOTHING = new Prompt(List.of(), null, null);

  /// A place in the picture.
  ///
  /// @param foreground whether it is on the object
  public record Point(float x, float y, boolean foreground) {}

  public Prompt {
    points = List.copyOf(points);
  }

  /// The object at a point.
  public static Prompt point(float x, float y) {
    return NOTHING.and(x, y);
  }

  /// The object in a box from its upper left to its lower right corner.
  public static Prompt box(float x0, float y0, float x1, float y1) {
    return NOTHING.within(x0, y0, x1, y1);
  }

  /// The same with a point that is on the object too.
  public Prompt and(float x, float y) {
    return with(new Point(x, y, true));
  }

  /// The same with a point that is not on the object.
  public Prompt not(float x, float y) {
    return with(new Point(x, y, false));
  }

  /// The same with another point.
  public Prompt with(Point point) {
    return new Prompt(Stream.concat(points.stream(), Stream.of(point)).toList(), box, mask);
  }

  /// The same with a box around the object.
  public Prompt within(float x0, float y0, float x1, float y1) {
    return new Prompt(points, new Box(x0, y0, x1, y1), mask);
  }

  /// The same with the logits of a rough mask.
  public Prompt like(float[] mask) {
    return new Prompt(points, box, mask);
  }

  /// Whether it may well mean several things, such as a shirt, a man and a crowd: one point alone does.
  public boolean isAmbiguous() {
    return points.size() == 1 && box == null && mask == null;
  }
}
