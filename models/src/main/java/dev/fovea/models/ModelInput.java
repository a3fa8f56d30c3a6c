package dev.fovea.models;

import dev.fovea.engine.nn.Tokens;
import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// An input of a model: the shape of the tensor and the meaning of its numbers.
///
/// @param shape shape for one batch size; the model may accept others; must not be modified
/// @param vocabulary size of the vocabulary for [Kind#TOKENS]; 0 for other kinds
/// @param like for an optional input, the input whose shape the default has; null if this input is required
/// @param otherwise the value of all elements of the default
public record ModelInput(int[] shape, Kind kind, int vocabulary, @Nullable String like, float otherwise) {
  /// The meaning of the numbers.
  public enum Kind {
    /// Preprocessed samples of pictures.
    PIXELS,
    /// Coordinates in a picture, or mask logits: any numbers.
    COORDINATES,
    /// Token ids.
    TOKENS,
    /// 1 for tokens and 0 for padding, as from a tokenizer; the model receives 0 and `-∞`.
    MASK
  }

  public ModelInput {
    Objects.requireNonNull(shape, "shape");
    Objects.requireNonNull(kind, "kind");
  }

  /// Pictures `[B, channels, H, W]`.
  ///
  /// @param size side of square pictures, or 0 for `height` × `width`
  public static ModelInput pixels(int batch, int channels, int height, int width, int size) {
    return new ModelInput(new int[] {batch, channels, size == 0 ? height : size, size == 0 ? width : size}, Kind.PIXELS, 0, null,
        0);
  }

  /// Coordinates or mask logits of a prompt.
  public static ModelInput coordinates(int... shape) {
    return new ModelInput(shape, Kind.COORDINATES, 0, null, 0);
  }

  /// Tokens `[B, N]`.
  public static ModelInput tokens(int vocabulary, int... shape) {
    return new ModelInput(shape, Kind.TOKENS, vocabulary, null, 0);
  }

  /// The same input, optional with a default of zeros in the shape of `like`.
  public ModelInput zerosLike(String like) {
    return new ModelInput(shape, kind, vocabulary, Objects.requireNonNull(like, "like"), 0);
  }

  /// An optional padding mask for the tokens of `like`; by default there is no padding.
  public static ModelInput mask(String like, int... shape) {
    return new ModelInput(shape, Kind.MASK, 0, Objects.requireNonNull(like, "like"), 1);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ModelInput i && Arrays.equals(shape, i.shape) && kind == i.kind && vocabulary == i.vocabulary
        && Objects.equals(like, i.like) && Float.compare(otherwise, i.otherwise) == 0;
  }

  @Override
  public int hashCode() {
    return 31 * Objects.hash(kind, vocabulary, like, otherwise) + Arrays.hashCode(shape);
  }

  @Override
  public String toString() {
    return kind + " " + Arrays.toString(shape) + (vocabulary == 0 ? "" : " of " + vocabulary)
        + (like == null ? "" : ", by default " + otherwise + " like " + like);
  }
}
