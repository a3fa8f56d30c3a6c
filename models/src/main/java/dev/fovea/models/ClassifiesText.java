package dev.fovea.models;

import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;

/// A model that can say which of its classes a text, or a pair of texts, belongs to. What [Model] says of threads and passes holds
/// here too.
///
/// Shapes: B texts or pairs, N tokens.
public interface ClassifiesText {
  /// Number of classes; 0 where this model came without a classification head.
  int numClasses();

  /// Tokens that the model knows.
  int vocabSize();

  /// Most tokens of a text, or of a pair.
  int maxTokens();

  /// The scores of the classes, before the softmax: `[B, classes]`.
  ///
  /// @param ids `[B, N]`
  /// @param mask `[B, N]`: 0 where a token counts, `-∞` where it is padding
  /// @param types `[B, N]`: 0 in the first text, 1 in the second
  /// @throws InputException if there are more tokens than the model has positions for
  /// @throws IllegalStateException if the model has no classification head
  Tensor logits(Tensor ids, Tensor mask, Tensor types);
}
