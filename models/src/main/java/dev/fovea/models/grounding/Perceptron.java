package dev.fovea.models.grounding;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import java.util.List;
import java.util.stream.IntStream;

/// A multilayer perceptron with a ReLU between its layers.
record Perceptron(List<Linear> layers) {
  static Perceptron load(int in, int hidden, int out, int depth, Weights w) {
    return new Perceptron(IntStream.range(0, depth).mapToObj(i ->
        w.linear("fc" + (i + 1), i == 0 ? in : hidden, i + 1 == depth ? out : hidden)).toList());
  }

  Tensor forward(Tensor x) {
    for (var layer : layers) x = layer.forward(x, layer == layers.getLast() ? Activation.NONE : Activation.RELU);
    return x;
  }
}
