package dev.fovea.models.llama;

/// Chooses the next token of a text.
@FunctionalInterface
public interface NextToken {
  /// The token with the largest logit; the first of several.
  NextToken GREEDY = Logits::largest;

  /// Called once for each token, by the thread that computes the text.
  ///
  /// @param logits `[vocabulary]`; a copy that may be changed, valid during the call
  /// @return a token of the vocabulary
  int next(float[] logits);
}
