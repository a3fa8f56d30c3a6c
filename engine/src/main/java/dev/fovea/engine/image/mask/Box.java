package dev.fovea.engine.image.mask;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/// A rectangle in a picture, in pixels.
public record Box(float x0, float y0, float x1, float y1) {
  /// The area between the corners.
  public double area() {
    return (double) (x1 - x0) * (y1 - y0);
  }

  /// Intersection over union of two boxes; 0 if the union is empty.
  public double iou(Box other) {
    double width = Math.max(0, (double) Math.min(x1, other.x1) - Math.max(x0, other.x0));
    double height = Math.max(0, (double) Math.min(y1, other.y1) - Math.max(y0, other.y0));
    double both = width * height, either = area() + other.area() - both;
    return either <= 0 ? 0 : both / either;
  }

  /// This box of a crop at `(left, top)`, in coordinates of the whole picture.
  public Box moved(float left, float top) {
    return new Box(x0 + left, y0 + top, x1 + left, y1 + top);
  }

  /// The part of this box inside a picture; on its border, and empty, if all of it is outside.
  public Box clippedTo(int width, int height) {
    return new Box(Math.clamp(x0, 0, width), Math.clamp(y0, 0, height), Math.clamp(x1, 0, width), Math.clamp(y1, 0, height));
  }

  /// Whether a side lies within `tolerance` pixels of the same side of `part` but not of `whole`: then the object in the box
  /// probably extends beyond `part`, which was cut out of `whole` (ref: segment_anything `utils/amg.py`, `is_box_near_crop_edge`).
  public boolean isCutBy(Box part, Box whole, float tolerance) {
    return isCut(x0, part.x0, whole.x0, tolerance) || isCut(y0, part.y0, whole.y0, tolerance)
        || isCut(x1, part.x1, whole.x1, tolerance) || isCut(y1, part.y1, whole.y1, tolerance);
  }

  private static boolean isCut(float side, float part, float whole, float tolerance) {
    return Math.abs(side - part) <= tolerance && Math.abs(side - whole) > tolerance;
  }

  /// Non-maximum suppression: of boxes with an [#iou] above `threshold`, the one with the highest score is kept.
  ///
  /// @return indices of the kept boxes, the highest score first
  public static List<Integer> keep(List<Box> boxes, double[] scores, double threshold) {
    Objects.requireNonNull(boxes, "boxes");
    var kept = new ArrayList<Integer>();
    IntStream.range(0, scores.length).boxed().sorted(Comparator.comparingDouble((Integer i) -> scores[i]).reversed()).forEach(i -> {
      if (kept.stream().noneMatch(k -> boxes.get(k).iou(boxes.get(i)) > threshold)) kept.add(i);
    });
    return kept;
  }
}
