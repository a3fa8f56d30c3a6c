package dev.fovea.engine.image.webp;

/// A reversible transform of a picture's pixels, by which an encoder saves bits (RFC 9649, section 3.5).
sealed interface LosslessTransform permits PredictorTransform, ColourTransform, GreenTransform, PaletteTransform {
  /// The width of rows after the transform.
  default int width(int width) {
    return width;
  }

  /// Undoes the transform.
  ///
  /// @param pixels rows of [#width(int)] pixels; they may be overwritten
  /// @param width of a row before the transform
  /// @return `[height][width]`
  int[] undo(int[] pixels, int width, int height);
}
