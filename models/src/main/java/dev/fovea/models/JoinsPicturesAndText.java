package dev.fovea.models;

import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;

/// A model that embeds pictures and texts in a common space, where matching ones are close. What [Model] says of threads and passes
/// holds here too.
///
/// Shapes: I pictures, T texts, N tokens, D dimensions of the common space.
public interface JoinsPicturesAndText {
  /// Whether the model has a text encoder; without one, it embeds only pictures.
  boolean readsText();

  /// Number of tokens in the vocabulary of the text encoder.
  int vocabSize();

  /// Largest number of tokens of a text.
  int maxTokens();

  /// The token that pads every text to [#maxTokens()], for a model trained that way; -1 for a model that takes a padding mask.
  int fillsUpWith();

  /// A token that every text must contain, because its features represent the text; -1 if no particular token is required.
  int endOfText();

  /// The smallest side of a picture, in pixels.
  int minSide();

  /// Number of dimensions of the common space.
  int commonDim();

  /// `[I, channels, H, W]` → vectors of length 1, `[I, D]`.
  ///
  /// @throws InputException if the pictures have another number of channels or are not a whole number of patches
  Tensor imageEmbeds(Tensor image);

  /// Tokens → vectors of length 1, `[T, D]`.
  ///
  /// @param ids `[T, N]`
  /// @param mask `[T, N]`: 0 for tokens, `-∞` for padding; ignored by a model that was trained to read its padding
  /// @throws InputException if there are more tokens than positions
  /// @throws IllegalStateException if the model has no text encoder
  Tensor textEmbeds(Tensor ids, Tensor mask);

  /// The similarity of each picture and text before [#scores]: `[I, D]` and `[T, D]` → `[I, T]`.
  ///
  /// @throws IllegalStateException if the model has no text encoder
  Tensor logits(Tensor imageEmbeds, Tensor textEmbeds);

  /// Probabilities `[I, T]`: over the texts of each picture in CLIP, of each pair separately in SigLIP.
  Tensor scores(Tensor logits);
}
