package dev.fovea.models;

import dev.fovea.engine.nn.Tokens;
import org.jetbrains.annotations.Nullable;

/// What a model takes in: a tensor's shape, and what its numbers mean.
///
/// @param shape at some batch; other sizes may do as well
/// @param vocabulary token numbers lie below this in a tensor of [Kind#TOKENS]; 0 in others
/// @param like the input whose shape this one takes where it is not given; null where it must be given
/// @param otherwise what fills it then
public record ModelInput(int[] shape, Kind kind, int vocabulary, @Nullable String like, float otherwise) {
  /// What numbers mean.
  public enum Kind {
    /// Samples of pictures, preprocessed.
    PIXELS,
    /// Places in a picture, or logits of a mask: any numbers.
    COORDINATES,
    /// Whole numbers that stand for tokens.
    TOKENS,
    /// 1 where a token counts and 0 where it is padding, as tokenizers give it; the model sees 0 and `-∞`.
    MASK
  }

  /// Pictures `[B, channels, H, W]`.
  ///
  /// @param size of squares instead of `height` × `width`, or 0
  public static ModelInput pixels(int batch, int channels, int height, int width, int size) {
    return new ModelInput(new int[] {batch, channels, size == 0 ? height : size, size == 0 ? width : size}, Kind.PIXELS, 0, null,
        0);
  }

  /// Numbers that a prompt consists of.
  public static ModelInput coordinates(int... shape) {
    return new ModelInput(shape, Kind.COORDINATES, 0, null, 0);
  }

  /// Tokens `[B, N]`.
  public static ModelInput tokens(int vocabulary, int... shape) {
    return new ModelInput(shape, Kind.TOKENS, vocabulary, null, 0);
  }

  /// Tokens of the shape of `like`, all 0 where they are not given.
  public ModelInput zerosLike(String like) {
    return new ModelInput(shape, kind, vocabulary, like, 0);
  }

  /// Which tokens of `like` count: all where it is not given.
  public static ModelInput mask(String like, int... shape) {
    return new ModelInput(shape, Kind.MASK, 0, like, 1);
  }
}
