package dev.fovea.benchmarks;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.engine.nn.Probe;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.sam.PointPrompt;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.DoubleSummaryStatistics;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A whole model with random weights and a random batch of pictures, ready to run on the vector kernels.
final class ModelCase implements AutoCloseable {
  /// A pass to measure.
  ///
  /// @param point whether it is Segment Anything's mask decoder, for a point on a ready embedding
  record Pass(String preset, boolean point, int batch, int threads) {
    static final List<Pass> ALL = List.of(
        new Pass("vit-base-patch16-224", 1, 1),
        new Pass("vit-base-patch16-224", 8, 1),
        new Pass("vit-base-patch16-224", 1, 2),
        new Pass("dinov2-base", 1, 1),
        new Pass("segformer-b0", 1, 1),
        new Pass("segformer-b2", 1, 1),
        ofPoint("sam-vit-base", 1));

    Pass(String preset, int batch, int threads) {
      this(preset, false, batch, threads);
    }

    static Pass ofPoint(String preset, int threads) {
      return new Pass(preset, true, 1, threads);
    }

    /// The pass of this name.
    ///
    /// @throws IllegalArgumentException if there is none
    static Pass named(String name) {
      return ALL.stream().filter(p -> p.toString().equals(name)).findAny()
          .orElseThrow(() -> new IllegalArgumentException("there is no pass '" + name + "'"));
    }

    /// Floating-point operations per thread, if they share the work evenly.
    ///
    /// @throws IllegalArgumentException if there is no such preset
    double flopsPerThread() {
      return 2.0 * model(LoadedModel.shapesOfPreset(preset)).dryRun(batch, 0).macs() / threads;
    }

    private LoadedModel model(LoadedModel whole) {
      return point ? PointPrompt.of(whole) : whole;
    }

    @Override
    public String toString() {
      return preset + (point ? ", a point" : "") + ", batch " + batch + ", " + threads + (threads == 1 ? " thread" : " threads");
    }
  }

  private final Arena arena = Arena.ofShared();
  private final Kernels kernels;
  private final Workspace workspace;
  private final LoadedModel model;
  private final Map<String, Tensor> inputs;

  /// @throws IllegalArgumentException if there is no such preset
  ModelCase(Pass pass) {
    model = pass.model(LoadedModel.preset(pass.preset(), arena));
    kernels = KernelProvider.VECTOR.open(Workers.threads(pass.threads()));
    workspace = new Workspace(kernels);
    inputs = model.randomInputs(pass.batch(), 0, arena);
  }

  /// One pass; its outputs by name.
  Map<String, Tensor> run() {
    return run(Probe.NONE);
  }

  /// One pass that a probe watches.
  Map<String, Tensor> run(Probe probe) {
    return model.run(workspace, inputs, probe);
  }

  /// Runs twice and checks that results are finite, not all equal, and the same each time. Tests and the comparison with other
  /// programs check their values.
  ///
  /// @throws IllegalStateException if they are not
  void runChecked() {
    var first = new HashMap<String, float[]>();
    run().forEach((name, tensor) -> first.put(name, tensor.toArray()));
    run().forEach((name, tensor) -> check(name, first.get(name), tensor.toArray()));
  }

  private static void check(String name, float[] first, float[] second) {
    if (!Arrays.equals(first, second)) throw new IllegalStateException(name + ": two passes gave different results");
    var spread = new DoubleSummaryStatistics();
    for (float value : first) spread.accept(value);   // NaN makes both ends NaN
    if (!(Double.isFinite(spread.getMin()) && Double.isFinite(spread.getMax()) && spread.getMin() < spread.getMax()))
      throw new IllegalStateException(name + ": results lie between " + spread.getMin() + " and " + spread.getMax());
  }

  /// The memory of its activations.
  Workspace workspace() {
    return workspace;
  }

  @Override
  public void close() {
    workspace.close();
    kernels.close();
    arena.close();
  }
}
