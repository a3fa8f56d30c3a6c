package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import java.util.Objects;

/// A gated feed-forward layer (Shazeer, "GLU Variants Improve Transformer", 2020): `(silu(x · W₁) ⊙ (x · W₂)) · W₃`.
///
/// @param w1 `C → hidden`, the gate
/// @param w2 `C → hidden`
/// @param w3 `hidden → C`
public record SwiGlu(Linear w1, Linear w2, Linear w3) implements FeedForward {
  public SwiGlu {
    Objects.requireNonNull(w1, "w1");
    Objects.requireNonNull(w2, "w2");
    Objects.requireNonNull(w3, "w3");
  }

  @Override
  public Tensor forward(Tensor x) {
    return w3.forward(gated(x));
  }

  @Override
  public Tensor addedTo(Tensor residual, Tensor x) {
    return w3.forward(gated(x), residual);
  }

  private Tensor gated(Tensor x) {
    return w1.forward(x, Activation.SILU).times(w2.forward(x));
  }
}
