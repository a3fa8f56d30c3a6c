package dev.fovea.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BoundStepsTest {
  private final Kernels vector = KernelProvider.VECTOR.open(Workers.threads(1));
  private final Counting kernels = new Counting();
  private final Workspace workspace = new Workspace(kernels);

  @AfterEach
  void close() {
    workspace.close();
    vector.close();
  }

  /// Counts what is bound.
  private final class Counting implements Kernels {
    private int bound;

    @Override
    public String name() {
      return vector.name();
    }

    @Override
    public int threads() {
      return vector.threads();
    }

    @Override
    public void run(Operation operation) {
      bind(operation).run();
    }

    @Override
    public Runnable bind(Operation operation) {
      bound++;
      return vector.bind(operation);
    }

    @Override
    public void close() {}
  }

  private static Tensor input(Arena arena, int n, float value) {
    var values = new float[n];
    Arrays.fill(values, value);
    return Tensor.of(arena, values, 1, n);
  }

  /// One operation on the input, two on its results.
  private float run(Tensor x) {
    return workspace.run("pass", x, y -> List.of(y.times(2).activate(Activation.RELU).times(3)), r -> r).getFirst().toArray()[0];
  }

  private int boundBy(Runnable pass) {
    int before = kernels.bound;
    pass.run();
    return kernels.bound - before;
  }

  @Test
  void laterPassesBindOnlyWhatTouchesTheirInput() {
    try (var arena = Arena.ofShared()) {
      assertThat(boundBy(() -> assertThat(run(input(arena, 100, 1))).isEqualTo(6))).isGreaterThanOrEqualTo(3);
      for (int i = 2; i < 5; i++) {
        float value = i;
        assertThat(boundBy(() -> assertThat(run(input(arena, 100, value))).isEqualTo(6 * value))).isEqualTo(1);
      }
    }
  }

  /// Another arena may give memory at the same address, and the old one is closed.
  @Test
  void inputsAtTheSameAddressMayComeFromAnotherArena() {
    for (int i = 0; i < 200; i++)
      try (var arena = Arena.ofShared()) {
        assertThat(run(input(arena, 100, i))).isEqualTo(6 * i);
      }
  }

  @Test
  void aLargerPassMovesTheMemoryAndBindsAnew() {
    try (var arena = Arena.ofShared()) {
      run(input(arena, 100, 1));
      run(input(arena, 100_000, 1));
      assertThat(boundBy(() -> assertThat(run(input(arena, 100, 2))).isEqualTo(12))).isGreaterThanOrEqualTo(3);
      assertThat(boundBy(() -> assertThat(run(input(arena, 100, 3))).isEqualTo(18))).isEqualTo(1);
    }
  }

  /// A pass of one kind that does something else the next time is computed as it is, though it was never allowed to.
  @Test
  void otherOperationsAreNotConfused() {
    try (var arena = Arena.ofShared()) {
      var x = input(arena, 100, 1);
      for (int i = 1; i < 5; i++) {
        float factor = i;
        var result = workspace.run("kind", x, y -> List.of(y.times(1).times(factor)), r -> r).getFirst();
        assertThat(result.toArray()[0]).isEqualTo(factor);
      }
    }
  }

  @Test
  void aFailedPassLeavesTheStepsUsable() {
    try (var arena = Arena.ofShared()) {
      var x = input(arena, 100, 1);
      run(x);
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> run(x)).isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(run(x)).isEqualTo(6);
    }
  }
}
