package dev.fovea.models.explain;

import dev.fovea.models.OpenModel;
import dev.fovea.models.siglip.Siglip;

/// Probabilities of logits.
final class Scores {
  private Scores() {}

  /// Whether each class has a probability of its own.
  static boolean areSigmoids(OpenModel model) {
    return model.model() instanceof Siglip;
  }

  static float[] of(float[] logits, boolean sigmoids) {
    var scores = new float[logits.length];
    double most = Double.NEGATIVE_INFINITY, sum = 0;
    for (float logit : logits) most = Math.max(most, logit);
    for (float logit : logits) sum += Math.exp(logit - most);
    for (int i = 0; i < scores.length; i++)
      scores[i] = (float) (sigmoids || logits.length == 1 ? 1 / (1 + Math.exp(-logits[i])) : Math.exp(logits[i] - most) / sum);
    return scores;
  }
}
