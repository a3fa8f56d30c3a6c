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
/// @param placeholders tokens that stand for another input; null if there are none
public record ModelInput(int[] shape, Kind kind, int vocabulary, @Nullable String like, float otherwise,
    @Nullable Placeholders placeholders) {
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

  /// An input without placeholders.
  public ModelInput(int[] shape, Kind kind, int vocabulary, @Nullable String like, float otherwise) {
    this(shape, kind, vocabulary, like, otherwise, null);
  }

  /// Tokens that stand for another input, such as a picture.
  ///
  /// @param count of them in each text
  public record Placeholders(int token, int count) {}

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

  /// The same tokens, of which `count` in each text stand for another input.
  public ModelInput withPlaceholders(int token, int count) {
    return new ModelInput(shape, kind, vocabulary, like, otherwise, new Placeholders(token, count));
  }

  /// The token at element `i` of an input for measuring: each text begins with the placeholders, and has no others.
  ///
  /// @param any a token of the vocabulary
  int token(int i, int any) {
    if (placeholders == null) return any;
    if (i % shape[shape.length - 1] < placeholders.count) return placeholders.token;
    return any == placeholders.token ? (any + 1) % vocabulary : any;
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
        && Objects.equals(like, i.like) && Float.compare(otherwise, i.otherwise) == 0
        && Objects.equals(placeholders, i.placeholders);
  }

  @Override
  public int hashCode() {
    return 31 * Objects.hash(kind, vocabulary, like, otherwise, placeholders) + Arrays.hashCode(shape);
  }

  @Override
  public String toString() {
    return kind + " " + Arrays.toString(shape) + (vocabulary == 0 ? "" : " of " + vocabulary)
        + (placeholders == null ? "" : ", " + placeholders.count + " of them " + placeholders.token)
        + (like == null ? "" : ", by default " + otherwise + " like " + like);
  }
}
