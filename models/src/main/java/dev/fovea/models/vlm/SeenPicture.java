package dev.fovea.models.vlm;

import dev.fovea.models.chat.PictureTokens;
import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// A picture as the decoder of one model reads it: the tower and the adapter have run. Immutable and thread-safe as long as nobody
/// modifies the features, which are not copied; it needs no closing.
///
/// @param model the name of the model that saw it
/// @param rows rows of tiles; 0 if the picture was not cut
/// @param columns tiles in a row; 0 if the picture was not cut
/// @param inputs of the picture tower: one, or the tiles and the whole
/// @param tokens number of placeholders for one input
/// @param features `[inputs · tokens, C]`: those of the tiles row by row, then those of the whole
public record SeenPicture(String model, int rows, int columns, int inputs, int tokens, float[] features) {
  public SeenPicture {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(features, "features");
  }

  /// Number of placeholders for the whole picture.
  public int placeholders() {
    return inputs * tokens;
  }

  /// The places of the placeholders in a prompt.
  public PictureTokens places() {
    return new PictureTokens(rows, columns, tokens);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof SeenPicture p && model.equals(p.model) && rows == p.rows && columns == p.columns && inputs == p.inputs
        && tokens == p.tokens && Arrays.equals(features, p.features);
  }

  @Override
  public int hashCode() {
    return 31 * Objects.hash(model, rows, columns, inputs, tokens) + Arrays.hashCode(features);
  }

  @Override
  public String toString() {
    return "picture seen by " + model + ", " + (rows == 0 ? "" : rows + "x" + columns + " tiles and the whole, ") + placeholders()
        + " tokens";
  }
}
