package dev.fovea.models;

import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// A model that computes features of a text's tokens, from which a vector of the text can be pooled. What [Model] says of threads
/// and passes holds here too.
public interface EncodesText {
  /// Number of tokens in the vocabulary.
  int vocabSize();

  /// Largest number of tokens of a text.
  int maxTokens();

  /// Channels of a token's features.
  int channels();

  /// How vectors of texts are to be made; null if the model was published without that.
  @Nullable SentenceConfig sentence();

  /// The features of texts of several lengths in one pass without padding. Each text has the same features as alone.
  ///
  /// @param ids texts of one length each: `[B, N]`
  /// @return the features in the same order, `[B, N, C]` each
  /// @throws InputException if there are more tokens than positions
  List<Tensor> features(List<Tensor> ids);
}
