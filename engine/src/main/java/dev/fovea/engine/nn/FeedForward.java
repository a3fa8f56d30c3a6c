package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;

/// The feed-forward part of a transformer block, applied to each token separately.
public sealed interface FeedForward permits Mlp, SwiGlu {
  /// `[…, C]` → `[…, C]`.
  Tensor forward(Tensor x);
}
