package dev.fovea.models.chat;

import dev.fovea.engine.image.PicturePreparation;
import java.util.Objects;

/// The places that a picture takes among the tokens of a prompt.
///
/// @param rows rows of tiles; 0 if the picture is not cut
/// @param columns tiles in a row; 0 if the picture is not cut
/// @param tokens number of tokens for each input of the tower: each tile, and the whole picture
public record PictureTokens(int rows, int columns, int tokens) {
  /// @throws IllegalArgumentException if one is negative, there are no tokens, or rows without columns
  public PictureTokens {
    if (rows < 0 || columns < 0 || tokens < 1 || rows == 0 != (columns == 0))
      throw new IllegalArgumentException("picture tokens: expected rows and columns, or none, and tokens, got " + rows + "x"
          + columns + " of " + tokens);
  }

  /// A picture that is not cut.
  ///
  /// @throws IllegalArgumentException if there are no tokens
  public static PictureTokens whole(int tokens) {
    return new PictureTokens(0, 0, tokens);
  }

  /// The places for prepared inputs.
  ///
  /// @param tokens number of tokens for each input
  public static PictureTokens of(PicturePreparation.Inputs inputs, int tokens) {
    Objects.requireNonNull(inputs, "inputs");
    return new PictureTokens(inputs.rows(), inputs.columns(), tokens);
  }

  /// Number of picture tokens, without the marks between them.
  public int count() {
    return Math.multiplyExact(rows * columns + 1, tokens);
  }
}
