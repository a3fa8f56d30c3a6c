package dev.fovea.benchmarks;

import dev.fovea.benchmarks.TaskTimes.Join;
import dev.fovea.benchmarks.TaskTimes.Step;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/// Runs all tasks of a pass on the calling thread, one after the other, and times each of them and what lies between.
///
/// The only task of an operation is no task here: workers do not share it either, so its time is serial. Tasks within a task are
/// part of that. The time of taking notes does not count.
///
/// Not thread-safe.
final class TimedRunner implements Workers.Runner {
  private final List<Step> steps = new ArrayList<>();
  /// The joins of the running operation; null between operations.
  private List<Join> joins;
  private boolean isInTask;
  private long since;

  /// Begins a pass.
  void begin() {
    steps.clear();
    since = System.nanoTime();
  }

  /// The times since [#begin()].
  TaskTimes end() {
    long after = System.nanoTime() - since;
    return new TaskTimes(List.copyOf(steps), after);
  }

  @Override
  public void forEach(int tasks, Workers.Task task) {
    if (joins == null || isInTask || tasks <= 1) {
      for (int i = 0; i < tasks; i++) task.run(i);
      return;
    }
    long before = System.nanoTime() - since;
    var times = new long[tasks];
    isInTask = true;
    try {
      long last = System.nanoTime();
      for (int i = 0; i < tasks; i++) {
        task.run(i);
        long now = System.nanoTime();
        times[i] = now - last;
        last = now;
      }
    } finally {
      isInTask = false;
    }
    joins.add(new Join(before, times));
    since = System.nanoTime();
  }

  private void run(Operation operation, Runnable run) {
    long before = System.nanoTime() - since;
    joins = new ArrayList<>();
    try {
      since = System.nanoTime();
      run.run();
      long after = System.nanoTime() - since;
      var shape = operation.shape().stream().map(String::valueOf).collect(Collectors.joining(" x "));
      steps.add(new Step(operation.name(), shape, before, List.copyOf(joins), after));
    } finally {
      joins = null;
    }
    since = System.nanoTime();
  }

  /// These kernels, with each operation noted. They are to be opened with workers that this object runs.
  Kernels watch(Kernels kernels) {
    Objects.requireNonNull(kernels, "kernels");
    return new Kernels() {
      @Override
      public String name() {
        return kernels.name();
      }

      @Override
      public int threads() {
        return kernels.threads();
      }

      @Override
      public void run(Operation operation) {
        TimedRunner.this.run(operation, () -> kernels.run(operation));
      }

      @Override
      public void close() {
        kernels.close();
      }
    };
  }
}
