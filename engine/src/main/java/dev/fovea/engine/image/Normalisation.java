package dev.fovea.engine.image;

import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing.Pixels;
import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The last step before a model: `(sample · rescale - mean) / std` for each of the three channels.
///
/// Immutable and thread-safe as long as nobody modifies the arrays, which are not copied.
///
/// @param rescale factor for the 8-bit samples
/// @param mean of each channel, after the rescaling
/// @param std standard deviation of each channel, above 0
public record Normalisation(float rescale, float[] mean, float[] std) {
  /// @throws IllegalArgumentException if a channel has no mean, or no positive standard deviation
  public Normalisation {
    Objects.requireNonNull(mean, "mean");
    Objects.requireNonNull(std, "std");
    if (mean.length != 3 || std.length != 3 || !(std[0] > 0 && std[1] > 0 && std[2] > 0))
      throw new IllegalArgumentException("image_mean and image_std: expected three numbers each, the deviations above 0");
  }

  /// Reads the fields of a published `preprocessor_config.json`.
  static Normalisation of(JsonFields json) {
    float rescale = json.bool("do_rescale", true) ? json.number("rescale_factor", 1 / 255f) : 1;
    return json.bool("do_normalize", true)
        ? new Normalisation(rescale, json.numbers("image_mean"), json.numbers("image_std"))
        : new Normalisation(rescale, new float[3], new float[] {1, 1, 1});
  }

  /// A picture's values, `[3, height, width]`, the caller's own.
  public Pixels of(Picture picture) {
    int size = picture.width() * picture.height();
    var rgb = picture.rgb();
    var values = new float[Math.multiplyExact(3, size)];
    for (int c = 0; c < 3; c++)
      for (int i = 0; i < size; i++) values[c * size + i] = ((rgb[3 * i + c] & 0xff) * rescale - mean[c]) / std[c];
    return new Pixels(picture.height(), picture.width(), values);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Normalisation n && Float.compare(rescale, n.rescale) == 0 && Arrays.equals(mean, n.mean)
        && Arrays.equals(std, n.std);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * Float.hashCode(rescale) + Arrays.hashCode(mean)) + Arrays.hashCode(std);
  }

  @Override
  public String toString() {
    return "rescale " + rescale + ", mean " + Arrays.toString(mean) + ", std " + Arrays.toString(std);
  }
}
