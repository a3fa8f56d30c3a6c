package dev.fovea.engine.image.webp;

/// What an encoder did to the pixels of a picture so that they take fewer bits (RFC 9649, section 3.5).
sealed interface LosslessTransform permits PredictorTransform, ColourTransform, GreenTransform, PaletteTransform {
  /// The width that the transform made of `width`.
  default int width(int width) {
    return width;
  }

  /// Undoes it.
  ///
  /// @param pixels of rows as wide as [#width(int)] says; the transform may overwrite them
  /// @param width of a row before the transform
  /// @return `[height][width]`
  int[] undo(int[] pixels, int width, int height);
}
