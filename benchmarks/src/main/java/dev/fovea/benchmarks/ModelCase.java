package dev.fovea.benchmarks;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.ModelRun;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.SplittableRandom;

/// A whole model with random weights and a random batch of pictures, ready to run on the vector kernels.
final class ModelCase implements AutoCloseable {
  /// A pass to measure.
  record Pass(String preset, int batch, int threads) {
    static final List<Pass> ALL = List.of(
        new Pass("vit-base-patch16-224", 1, 1),
        new Pass("vit-base-patch16-224", 8, 1),
        new Pass("vit-base-patch16-224", 1, 2),
        new Pass("dinov2-base", 1, 1));

    /// The pass of this name.
    ///
    /// @throws IllegalArgumentException if there is none
    static Pass named(String name) {
      return ALL.stream().filter(p -> p.toString().equals(name)).findAny()
          .orElseThrow(() -> new IllegalArgumentException("there is no pass '" + name + "'"));
    }

    /// Floating-point operations of one of the threads, if they share the work evenly.
    ///
    /// @throws IllegalArgumentException if there is no such preset
    double flopsPerThread() {
      return 2.0 * ModelRun.shapesOfPreset(preset).dryRun(batch).macs() / threads;
    }

    /// Whether the model exists.
    boolean isKnown() {
      try {
        ModelRun.shapesOfPreset(preset);
        return true;
      } catch (IllegalArgumentException e) {
        System.err.println("left out: " + e.getMessage());
        return false;
      }
    }

    @Override
    public String toString() {
      return preset + ", batch " + batch + ", " + threads + (threads == 1 ? " thread" : " threads");
    }
  }

  private final Arena arena = Arena.ofShared();
  private final Kernels kernels;
  private final Workspace workspace;
  private final ModelRun model;
  private final Tensor input;

  /// @throws IllegalArgumentException if there is no such preset
  ModelCase(Pass pass) {
    model = ModelRun.preset(pass.preset(), arena);
    kernels = KernelProvider.VECTOR.open(Workers.threads(pass.threads()));
    workspace = new Workspace(kernels);
    var random = new SplittableRandom(1);
    var shape = model.inputShape(pass.batch());
    var pixels = new float[Arrays.stream(shape).reduce(1, Math::multiplyExact)];
    for (int i = 0; i < pixels.length; i++) pixels[i] = (float) random.nextDouble(-1, 1);
    input = Tensor.of(arena, pixels, shape);
  }

  /// One pass.
  Tensor run() {
    return model.logits(workspace, input);
  }

  /// Runs twice. That the numbers are right is for the tests and for the comparison with other programs; here they are finite,
  /// different, and the same each time.
  ///
  /// @throws IllegalStateException if they are not
  void runChecked() {
    float[] first = run().toArray(), second = run().toArray();
    if (!Arrays.equals(first, second)) throw new IllegalStateException("two passes gave different results");
    var spread = new DoubleSummaryStatistics();
    for (float value : first) spread.accept(value);   // NaN makes both ends NaN
    if (!(Double.isFinite(spread.getMin()) && Double.isFinite(spread.getMax()) && spread.getMin() < spread.getMax()))
      throw new IllegalStateException("results lie between " + spread.getMin() + " and " + spread.getMax());
  }

  @Override
  public void close() {
    workspace.close();
    kernels.close();
    arena.close();
  }
}
