package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import java.util.Objects;

/// A multilayer perceptron: two linear layers with an activation in between.
///
/// @param fc1 `C → hidden`
/// @param fc2 `hidden → C`
public record Mlp(Linear fc1, Activation act, Linear fc2) implements FeedForward {
  public Mlp {
    Objects.requireNonNull(fc1, "fc1");
    Objects.requireNonNull(act, "act");
    Objects.requireNonNull(fc2, "fc2");
  }

  @Override
  public Tensor forward(Tensor x) {
    return fc2.forward(fc1.forward(x, act));
  }

  @Override
  public Tensor addedTo(Tensor residual, Tensor x) {
    return fc2.forward(fc1.forward(x, act), residual);
  }
}
