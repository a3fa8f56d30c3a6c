package dev.fovea.models;

import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;

/// A model that puts pictures and words into one space, where what belongs together is near.
///
/// Shapes: I pictures, T texts, N tokens, D dimensions of the space.
public interface JoinsPicturesAndText {
  /// Whether there is an encoder of words; without one, only pictures can be embedded.
  boolean readsText();

  /// Tokens that the encoder of words knows.
  int vocabSize();

  /// Most tokens of a text.
  int maxTokens();

  /// The token that fills every text up to [#maxTokens()], for a model that was trained so; -1 for one that is told what is
  /// padding.
  int fillsUpWith();

  /// The token that every text has to hold, for its features stand for the text's; -1 where any tokens will do.
  int endOfText();

  /// The smallest side of a picture, in pixels.
  int minSide();

  /// `[I, channels, H, W]` → vectors of length 1, `[I, D]`.
  ///
  /// @throws InputException if the pictures have other channels or are no whole number of patches
  Tensor imageEmbeds(Tensor image);

  /// Tokens → vectors of length 1, `[T, D]`.
  ///
  /// @param ids `[T, N]`
  /// @param mask `[T, N]`: 0 where a token counts, `-∞` where it is padding; a model that was trained to read its padding
  ///   does not look at it
  /// @throws InputException if there are more tokens than the model has positions for
  /// @throws IllegalStateException if there is no encoder of words
  Tensor textEmbeds(Tensor ids, Tensor mask);

  /// How well each text fits each picture, before [#scores]: `[I, D]` and `[T, D]` → `[I, T]`.
  Tensor logits(Tensor imageEmbeds, Tensor textEmbeds);

  /// Probabilities `[I, T]`: over the texts of a picture in CLIP, of each text by itself in SigLIP.
  Tensor scores(Tensor logits);
}
