package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;

/// The part of a transformer block that treats each token by itself.
public sealed interface FeedForward permits Mlp, SwiGlu {
  /// `[…, C]` → `[…, C]`.
  Tensor forward(Tensor x);
}
