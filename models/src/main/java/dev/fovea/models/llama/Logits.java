package dev.fovea.models.llama;

import java.util.Objects;

/// What the logits of a vocabulary tell.
public final class Logits {
  private Logits() {}

  /// The index of the largest logit, the first of several; NaN is ignored, and 0 is the index if there is nothing else.
  ///
  /// @param logits `[vocabulary]`
  public static int largest(float[] logits) {
    Objects.requireNonNull(logits, "logits");
    int best = 0;
    for (int i = 1; i < logits.length; i++) if (logits[i] > logits[best] || Float.isNaN(logits[best])) best = i;
    return Float.isNaN(logits[best]) ? 0 : best;
  }

  /// The natural logarithm of a token's probability: the logarithm of its softmax, in double.
  ///
  /// @param logits `[vocabulary]`
  /// @throws IndexOutOfBoundsException if the vocabulary has no such token
  public static double logProbability(float[] logits, int token) {
    Objects.requireNonNull(logits, "logits");
    Objects.checkIndex(token, logits.length);
    double max = Double.NEGATIVE_INFINITY, sum = 0;
    for (float logit : logits) max = Math.max(max, logit);
    for (float logit : logits) sum += Math.exp(logit - max);
    return logits[token] - max - Math.log(sum);
  }
}
