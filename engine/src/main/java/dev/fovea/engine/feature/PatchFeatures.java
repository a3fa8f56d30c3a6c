package dev.fovea.engine.feature;

/// Features of a picture's patches.
///
/// @param values `[rows, cols, channels]`; not to be changed
public record PatchFeatures(int rows, int cols, int channels, float[] values) {
  /// @throws IllegalArgumentException if there is another number of values
  public PatchFeatures {
    if (rows < 1 || cols < 1 || channels < 1 || values.length != (long) rows * cols * channels)
      throw new IllegalArgumentException("patches [" + rows + ", " + cols + ", " + channels + "]: got " + values.length
          + " values");
  }
}
