package dev.fovea.engine.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The small layers, against their formulas.
class LayersTest {
  private final Arena arena = Arena.ofConfined();
  private final Kernels kernels = KernelProvider.REFERENCE.open(Workers.threads(1));

  @AfterEach
  void close() {
    kernels.close();
    arena.close();
  }

  private Tensor tensor(int[] shape, float... values) {
    return Tensor.of(arena, values, shape);
  }

  private Linear linear(int out, int in, float... weight) {
    return new Linear(Weight.rows(tensor(new int[] {out, in}, weight).segment(), out, in), null);
  }

  private float[] run(Tensor x, UnaryOperator<Tensor> forward) {
    try (var workspace = new Workspace(kernels)) {
      return workspace.run("test", x, forward, List::of).toArray();
    }
  }

  @Test
  void swiGluGatesWithItsFirstMatrix() {
    var layer = new SwiGlu(linear(2, 1, 1, -2), linear(2, 1, 3, 5), linear(1, 2, 1, 10));
    double x = 0.5;
    double expected = silu(x) * 3 * x + 10 * silu(-2 * x) * 5 * x;
    assertThat((double) run(tensor(new int[] {1, 1}, 0.5f), layer::forward)[0]).isCloseTo(expected, within(1e-6));
  }

  private static double silu(double x) {
    return x / (1 + Math.exp(-x));
  }

  @Test
  void layerScaleIsAFactorForEachChannel() {
    var layer = new LayerScale(tensor(new int[] {2}, 10, 0.5f));
    assertThat(run(tensor(new int[] {1, 2, 2}, 1, 2, 3, 4), layer::forward)).isEqualTo(new float[] {10, 1, 30, 2});
  }

  @Test
  void picturesAreWholeNumbersOfPatches() {
    var layer = new PatchEmbedding(linear(1, 3 * 2 * 2, new float[12]), 3, 2);
    assertThat(run(Tensor.zeros(arena, 1, 3, 4, 6), layer::forward)).hasSize(6);
    for (int[] size : new int[][] {{4, 5}, {3, 4}, {0, 4}, {4, 0}})
      assertThatThrownBy(() -> run(Tensor.zeros(arena, 1, 3, size[0], size[1]), layer::forward)).isInstanceOf(InputException.class)
          .hasMessage("expected pictures whose height and width are multiples of the patch size 2, got " + size[0] + "x" + size[1]);
    for (var picture : List.of(Tensor.zeros(arena, 1, 4, 4, 4), Tensor.zeros(arena, 3, 4, 4)))
      assertThatThrownBy(() -> run(picture, layer::forward)).isInstanceOf(InputException.class)
          .hasMessage("expected pictures [B, 3, H, W], got " + picture);
  }
}
