package dev.fovea.models;

import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;

/// The capability of a model that continues a text with pictures in it. A picture stands in the text as placeholders, tokens whose
/// embeddings are replaced by the picture's features.
public interface ReadsPictures extends ContinuesText {
  /// The placeholder.
  int imageTokenId();

  /// Number of placeholders for one input of the picture tower: a whole picture, or a tile of one.
  int tokensPerPicture();

  /// The features of pictures in the decoder's space: `[I, 3, H, W]` → `[I, T, C]` with `T` as [#tokensPerPicture()].
  ///
  /// @throws InputException if the pictures have another size than the model's
  Tensor features(Tensor pixels);

  /// The embeddings that the decoder reads, `[B, N, C]`. Features take the places of the placeholders in their order, from the
  /// first text to the last. A placeholder without features becomes NaN, and features without a placeholder are left out, so that
  /// callers count them before the pass.
  ///
  /// @param ids `[B, N]`
  /// @param features `[…, C]`
  /// @throws InputException if the tokens have another rank or are more than the decoder's context
  Tensor prompt(Tensor ids, Tensor features);
}
