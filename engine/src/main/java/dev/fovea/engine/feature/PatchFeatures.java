package dev.fovea.engine.feature;

import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// Features of a picture's patches. Two are equal if their sizes and all values are, NaN included.
///
/// @param values `[rows, cols, channels]`; not copied, must not be modified
public record PatchFeatures(int rows, int cols, int channels, float[] values) {
  /// @throws IllegalArgumentException if a size is not positive, or the number of values does not match
  public PatchFeatures {
    Objects.requireNonNull(values, "values");
    if (rows < 1 || cols < 1 || channels < 1 || values.length != (long) rows * cols * channels)
      throw new IllegalArgumentException("patches [" + rows + ", " + cols + ", " + channels + "]: got " + values.length
          + " values");
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof PatchFeatures p && rows == p.rows && cols == p.cols && channels == p.channels
        && Arrays.equals(values, p.values);
  }

  @Override
  public int hashCode() {
    return 31 * rows + Arrays.hashCode(values);
  }

  @Override
  public String toString() {
    return "features of " + rows + "x" + cols + " patches, " + channels + " channels";
  }
}
