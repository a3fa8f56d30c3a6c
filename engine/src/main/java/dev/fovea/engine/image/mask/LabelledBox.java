package dev.fovea.engine.image.mask;

import java.util.Objects;

/// A box around what a label names.
///
/// @param label may be empty
/// @param box in pixels of the picture
public record LabelledBox(String label, Box box) {
  public LabelledBox {
    Objects.requireNonNull(label, "label");
    Objects.requireNonNull(box, "box");
  }

  /// Label and corners, rounded to whole pixels: `a red star 10,20 30,40`.
  @Override
  public String toString() {
    return (label + " " + Math.round(box.x0()) + "," + Math.round(box.y0()) + " " + Math.round(box.x1()) + ","
        + Math.round(box.y1())).strip();
  }
}
