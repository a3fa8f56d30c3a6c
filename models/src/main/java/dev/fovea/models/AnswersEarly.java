package dev.fovea.models;

import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import org.jetbrains.annotations.Nullable;

/// The capability of a model of pictures whose blocks all give the same tokens: what it would answer if the last blocks were left
/// out. Its norms and head were trained for the last block's tokens only.
public interface AnswersEarly {
  /// All that follows the blocks.
  ///
  /// @param tokens as a block gives them, or as the first one gets them: `[B, N, C]`
  /// @return the logits `[B, classes]`, or of a model of [JoinsPicturesAndText] the embeddings `[B, D]`; null if the model answers
  ///     nothing
  /// @throws InputException if the tokens have another shape
  @Nullable Tensor answer(Tensor tokens);
}
