package dev.fovea.benchmarks;

import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Constants;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.LoadedModel;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A model's passes, cut for several numbers of threads.
///
/// @param times by number of threads: the least time of each task and of each gap, where one thread runs all tasks
/// @param seconds by number of threads, where the machine has so many processors: the times of passes with as many threads
record ScalingCase(Map<Integer, TaskTimes> times, Map<Integer, List<Double>> seconds) {
  /// Passes run for so many seconds, but at least so many times. C2 compiles during the first of them.
  private static final double WARM_UP = 4, SECONDS = 25;
  private static final int LEAST_WARM_UP = 2, LEAST_ROUNDS = 3;

  /// Measures a model with random weights and a random picture. Passes of all kinds take turns, so that a change of the clock rate
  /// affects all.
  ///
  /// @throws IllegalArgumentException if there is no such preset
  static ScalingCase of(String preset, int[] threads) {
    var times = new TreeMap<Integer, TaskTimes>();
    var seconds = new TreeMap<Integer, List<Double>>();
    var ways = new ArrayList<Way>();
    try (var arena = Arena.ofShared()) {
      var model = LoadedModel.preset(preset, arena);
      var inputs = model.randomInputs(1, 0, arena);
      var constants = new Constants(Constants.DEFAULT_BYTES);
      try (var alone = new Way(KernelProvider.VECTOR.open(Workers.threads(1)), constants)) {
        // Also computes the constants, which are no part of later passes.
        repeat(WARM_UP, LEAST_WARM_UP, () -> alone.run(model, inputs));
      }
      for (int count : threads) {
        ways.add(new TimedTasks(count, times, constants));
        if (count <= Runtime.getRuntime().availableProcessors()) ways.add(new TimedPasses(count, seconds, constants));
      }
      repeat(SECONDS, LEAST_ROUNDS, () -> ways.forEach(way -> way.run(model, inputs)));
    } finally {
      ways.forEach(Way::close);
    }
    return new ScalingCase(times, seconds);
  }

  private static void repeat(double seconds, int least, Runnable run) {
    long start = System.nanoTime();
    for (int round = 0; round < least || System.nanoTime() - start < 1e9 * seconds; round++) run.run();
  }

  /// Kernels and memory of a pass.
  private static class Way implements AutoCloseable {
    private final Kernels kernels;
    private final Workspace workspace;

    Way(Kernels kernels, Constants constants) {
      this.kernels = kernels;
      workspace = new Workspace(kernels, Progress.NONE, constants);
    }

    void run(LoadedModel model, Map<String, Tensor> inputs) {
      model.run(workspace, inputs, Probe.NONE);
    }

    @Override
    public void close() {
      workspace.close();
      kernels.close();
    }
  }

  /// One thread runs all tasks.
  private static final class TimedTasks extends Way {
    private final int threads;
    private final TimedRunner runner;
    private final Map<Integer, TaskTimes> times;

    TimedTasks(int threads, Map<Integer, TaskTimes> times, Constants constants) {
      var runner = new TimedRunner();
      super(runner.watch(KernelProvider.VECTOR.open(Workers.runBy(runner, threads))), constants);
      this.threads = threads;
      this.runner = runner;
      this.times = times;
    }

    @Override
    void run(LoadedModel model, Map<String, Tensor> inputs) {
      runner.begin();
      super.run(model, inputs);
      times.merge(threads, runner.end(), TaskTimes::least);
    }
  }

  /// Threads share the tasks.
  private static final class TimedPasses extends Way {
    private final List<Double> seconds = new ArrayList<>();

    TimedPasses(int threads, Map<Integer, List<Double>> seconds, Constants constants) {
      super(KernelProvider.VECTOR.open(Workers.threads(threads)), constants);
      seconds.put(threads, this.seconds);
    }

    @Override
    void run(LoadedModel model, Map<String, Tensor> inputs) {
      long start = System.nanoTime();
      super.run(model, inputs);
      seconds.add((System.nanoTime() - start) / 1e9);
    }
  }
}
