package dev.fovea.engine.feature;

/// Features of a picture's patches.
///
/// @param values `[rows, cols, channels]`; must not be modified
public record PatchFeatures(int rows, int cols, int channels, float[] values) {
  /// @throws IllegalArgumentException if a size is not positive, or the number of values does not match
  public PatchFeatures {
    if (rows < 1 || cols < 1 || channels < 1 || values.length != (long) rows * cols * channels)
      throw new IllegalArgumentException("patches [" + rows + ", " + cols + ", " + channels + "]: got " + values.length
          + " values");
  }
}
