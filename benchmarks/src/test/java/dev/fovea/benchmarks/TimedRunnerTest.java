package dev.fovea.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.fovea.benchmarks.TaskTimes.Join;
import dev.fovea.benchmarks.TaskTimes.Step;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.Test;

class TimedRunnerTest {
  private static final long MILLI = 1_000_000;

  private static void spin(int millis) {
    long start = System.nanoTime();
    while (System.nanoTime() - start < millis * MILLI) Thread.onSpinWait();
  }

  /// Kernels that do the same for every operation.
  private static Kernels kernels(Workers workers, Runnable operation) {
    return new Kernels() {
      @Override
      public String name() {
        return "test";
      }

      @Override
      public int threads() {
        return workers.threads();
      }

      @Override
      public void run(Operation ignored) {
        operation.run();
      }

      @Override
      public void close() {
        workers.close();
      }
    };
  }

  private static Operation operation(Arena arena) {
    var numbers = arena.allocate(4 * 6, 64);
    return new Operation.Softmax(numbers, numbers, 2, 3);
  }

  @Test
  void timesTasksAndGaps() {
    var runner = new TimedRunner();
    var workers = Workers.runBy(runner, 16);
    var order = new ArrayList<Integer>();
    try (var arena = Arena.ofShared(); var kernels = runner.watch(kernels(workers, () -> {
      spin(2);
      workers.forEach(3, i -> {
        spin(1 + i);
        order.add(i);
      });
      spin(1);
      workers.forEach(2, _ -> {});
      workers.forEach(1, _ -> spin(4));
    }))) {
      assertThat(kernels.threads()).isEqualTo(16);
      runner.begin();
      spin(3);
      kernels.run(operation(arena));
      spin(5);
      var times = runner.end();

      assertThat(order).containsExactly(0, 1, 2);
      assertThat(times.steps()).hasSize(1);
      assertThat(times.after()).isGreaterThanOrEqualTo(5 * MILLI);
      var step = times.steps().getFirst();
      assertThat(step.kind()).isEqualTo("softmax");
      assertThat(step.shape()).isEqualTo("2 x 3");
      assertThat(step.before()).isGreaterThanOrEqualTo(3 * MILLI);
      assertThat(step.after()).as("with the only task of the last").isGreaterThanOrEqualTo(4 * MILLI);
      assertThat(step.joins()).hasSize(2);
      var first = step.joins().getFirst();
      assertThat(first.before()).isGreaterThanOrEqualTo(2 * MILLI);
      for (int i = 0; i < 3; i++) assertThat(first.tasks()[i]).isGreaterThanOrEqualTo((1 + i) * MILLI);
      assertThat(step.joins().getLast().before()).isGreaterThanOrEqualTo(MILLI);
      assertThat(step.joins().getLast().tasks()).hasSize(2);

      runner.begin();
      assertThat(runner.end().steps()).as("a new pass").isEmpty();
    }
  }

  @Test
  void everyTaskOnceAlsoWithinTasksAndOutsideOperations() {
    var runner = new TimedRunner();
    var workers = Workers.runBy(runner, 4);
    var runs = new AtomicIntegerArray(12);
    IntConsumer nested = i -> workers.forEach(3, j -> runs.incrementAndGet(3 * i + j));
    try (var arena = Arena.ofShared(); var kernels = runner.watch(kernels(workers, () -> workers.forEach(4, nested::accept)))) {
      runner.begin();
      workers.forEach(4, nested::accept);
      assertThat(runner.end().steps()).isEmpty();
      runner.begin();
      kernels.run(operation(arena));
      assertThat(runner.end().steps().getFirst().joins()).as("tasks within tasks are part of these").hasSize(1);
    }
    for (int i = 0; i < 12; i++) assertThat(runs.get(i)).isEqualTo(2);
  }

  @Test
  void aFailureEndsItsOperationAlone() {
    var runner = new TimedRunner();
    var workers = Workers.runBy(runner, 4);
    var fails = new boolean[] {true};
    try (var arena = Arena.ofShared(); var kernels = runner.watch(kernels(workers, () -> workers.forEach(2, _ -> {
      if (fails[0]) throw new IllegalStateException("mine");
    })))) {
      runner.begin();
      assertThatIllegalStateException().isThrownBy(() -> kernels.run(operation(arena))).withMessage("mine");
      fails[0] = false;
      runner.begin();
      kernels.run(operation(arena));
      assertThat(runner.end().steps().getFirst().joins()).hasSize(1);
    }
  }

  /// The vector kernels' results do not depend on who runs the tasks.
  @Test
  void kernelsComputeTheSame() {
    try (var arena = Arena.ofShared()) {
      var shape = Shapes.named("linear 197x768x768 f32, vit-base proj");
      var runner = new TimedRunner();
      try (var kernels = runner.watch(KernelProvider.VECTOR.open(Workers.runBy(runner, 64)))) {
        runner.begin();
        shape.prepare().apply(arena).runChecked(kernels);
        assertThat(runner.end().steps().getFirst().joins()).isNotEmpty();
      }
    }
  }

  @Test
  void theLeastOfTwoPasses() {
    var first = new TaskTimes(List.of(new Step("add", "2", 5, List.of(new Join(1, new long[] {7, 8})), 2)), 9);
    var second = new TaskTimes(List.of(new Step("add", "2", 4, List.of(new Join(2, new long[] {8, 7})), 1)), 10);
    var least = first.least(second);
    assertThat(least.after()).isEqualTo(9);
    var step = least.steps().getFirst();
    assertThat(step.before()).isEqualTo(4);
    assertThat(step.after()).isEqualTo(1);
    assertThat(step.joins().getFirst().before()).isEqualTo(1);
    assertThat(step.joins().getFirst().tasks()).containsExactly(7, 7);
    assertThat(step.joins().getFirst().work()).isEqualTo(14);

    assertThatIllegalStateException().isThrownBy(() -> first.least(new TaskTimes(List.of(), 1)))
        .withMessage("two passes differ: 1 operations or joins, then 0");
    var other = new TaskTimes(List.of(new Step("add", "2", 4, List.of(new Join(2, new long[3])), 1)), 10);
    assertThatIllegalStateException().isThrownBy(() -> first.least(other)).withMessage("two passes differ: 2 tasks, then 3");
  }
}
