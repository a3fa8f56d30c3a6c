package dev.fovea.models.explain;

import dev.fovea.engine.feature.AttentionRollout.Fusion;
import java.util.Objects;

/// What an explanation keeps of a pass.
///
/// @param maxWeights about as many attention weights are kept: larger maps are made coarser, the largest first, then become the
///     mean of their heads, and at last are left out
/// @param layer whose queries, keys and values are kept; -1 for the last one
/// @param fusion how a rollout makes one map of the heads
/// @param discard share of each token's weakest looks that a rollout leaves out, from 0 to below 1
/// @param answerTokens tokens that a language model answers at most
/// @param size shorter side of the model's picture in pixels, a multiple of the patch size, the aspect kept; 0 for the model's own
///     preprocessing
public record ExplainSettings(long maxWeights, int layer, Fusion fusion, double discard, int answerTokens, int size) {
  /// Everything, and the rollout of the paper.
  public static final ExplainSettings ALL = new ExplainSettings(Long.MAX_VALUE, -1, Fusion.MEAN, 0, 32, 0);

  /// @throws IllegalArgumentException if a number is out of its range
  public ExplainSettings {
    Objects.requireNonNull(fusion, "fusion");
    if (maxWeights < 1) throw new IllegalArgumentException("maxWeights: expected at least 1, got " + maxWeights);
    if (layer < -1) throw new IllegalArgumentException("layer: expected at least 0, or -1 for the last, got " + layer);
    if (!(discard >= 0 && discard < 1)) throw new IllegalArgumentException("discard: expected 0 to below 1, got " + discard);
    if (answerTokens < 1) throw new IllegalArgumentException("answerTokens: expected at least 1, got " + answerTokens);
    if (size < 0) throw new IllegalArgumentException("size: expected at least 0, got " + size);
  }
}
