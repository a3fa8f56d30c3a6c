package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;

/// A multilayer perceptron: two linear layers with an activation in between.
///
/// @param fc1 `C → hidden`
/// @param fc2 `hidden → C`
public record Mlp(Linear fc1, Activation act, Linear fc2) implements FeedForward {
  @Override
  public Tensor forward(Tensor x) {
    return fc2.forward(fc1.forward(x, act));
  }
}
