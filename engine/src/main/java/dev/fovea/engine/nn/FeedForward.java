package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;

/// The feed-forward part of a transformer block, applied to each token separately.
public sealed interface FeedForward permits Mlp, SwiGlu {
  /// `[…, C]` → `[…, C]`.
  Tensor forward(Tensor x);

  /// `residual + forward(x)`: the last product adds the residual to its sums. Both `[…, C]` → `[…, C]`.
  Tensor addedTo(Tensor residual, Tensor x);
}
