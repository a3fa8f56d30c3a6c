package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import java.lang.foreign.Arena;
import java.util.Random;

/// Tensors and layers of normally distributed numbers with a deviation of 0.5, the same in each run.
final class RandomLayers {
  private final Arena arena;
  private final Random random = new Random(1);

  RandomLayers(Arena arena) {
    this.arena = arena;
  }

  Tensor normal(int... shape) {
    int n = 1;
    for (int d : shape) n *= d;
    var values = new float[n];
    for (int i = 0; i < n; i++) values[i] = (float) (0.5 * random.nextGaussian());
    return Tensor.of(arena, values, shape);
  }

  Linear linear(int in, int out) {
    return new Linear(Weight.rows(normal(out, in).segment(), out, in), normal(out));
  }
}
