package dev.fovea.benchmarks;

import dev.fovea.kernels.MachineProbe;
import dev.fovea.kernels.Workers;
import java.util.Arrays;
import java.util.NavigableMap;
import java.util.TreeMap;

/// The cost of sharing tasks with other threads.
///
/// For more threads than processors the cost is extrapolated. Each further thread adds the average cost of one that is awake,
/// `awake(measured) / (measured - 1)`: threads are woken and take their tasks one after the other, by a counter in memory that
/// moves from processor to processor. Falling asleep costs the same for any number, since threads wake up side by side.
///
/// @param measured by number of threads, where the machine has so many processors
record ForkJoin(NavigableMap<Integer, Cost> measured) {
  /// Pauses before sharing, in microseconds.
  static final int[] PAUSES = {0, 10, 50, 100, 200, 500, 1000};

  /// Longer than waking up takes.
  private static final long TASK = 500_000;
  /// Other load disturbs whole rounds, so the best of them counts, and there are more while all were disturbed.
  private static final int ROUNDS = 9, MOST_ROUNDS = 40, JOINS = 41, EMPTY_JOINS = 10_000;

  /// What was measured with some threads.
  ///
  /// @param together how many times as many multiply-adds as one thread all do: less than their number where processors share a
  ///     core or the clock rate falls
  /// @param empty the time of a join of empty tasks, one for each thread, in nanoseconds; the caller may run most of them
  /// @param late how much later than the caller threads begin and are known to have ended, after each of [#PAUSES] of the caller,
  ///     in nanoseconds: the time of equally long tasks, one for each thread, beyond that of one; threads that wait for long fall
  ///     asleep
  record Cost(double together, double empty, long[] late) {
    private static Cost of(int threads) {
      double together = 0, empty = Double.POSITIVE_INFINITY;
      var late = new long[PAUSES.length];
      Arrays.fill(late, Long.MAX_VALUE);
      try (var alone = Workers.threads(1); var workers = Workers.threads(threads)) {
        for (int round = 0; round < ROUNDS || round < MOST_ROUNDS && isDisturbed(late); round++) {
          together = Math.max(together, threads * multiplyAdds(alone) / multiplyAdds(workers));
          empty = Math.min(empty, empty(workers));
          for (int i = 0; i < PAUSES.length; i++) late[i] = Math.min(late[i], late(workers, 1_000L * PAUSES[i]));
        }
      }
      return new Cost(together, empty, late);
    }

    /// Whether threads that were awake found no processor.
    private static boolean isDisturbed(long[] late) {
      return late[0] >= TASK / 10;
    }

    private static double multiplyAdds(Workers workers) {
      long start = System.nanoTime();
      workers.forEach(workers.threads(), _ -> MachineProbe.peakGflops(2));
      return System.nanoTime() - start;
    }

    private static double empty(Workers workers) {
      long start = System.nanoTime();
      for (int i = 0; i < EMPTY_JOINS; i++) workers.forEach(workers.threads(), _ -> {});
      return (double) (System.nanoTime() - start) / EMPTY_JOINS;
    }

    /// The time that a quarter of some joins stay below.
    private static long late(Workers workers, long pause) {
      var times = new long[JOINS];
      for (int i = 0; i < JOINS; i++) {
        spin(pause);
        long start = System.nanoTime();
        workers.forEach(workers.threads(), _ -> spin(TASK));
        times[i] = System.nanoTime() - start - TASK;
      }
      Arrays.sort(times);
      return times[JOINS / 4];
    }

    private static void spin(long nanos) {
      long start = System.nanoTime();
      while (System.nanoTime() - start < nanos) Thread.onSpinWait();
    }

    /// The cost after a pause, between the nearest measured ones.
    private long late(long pause) {
      for (int i = 1; i < PAUSES.length; i++) {
        long from = 1_000L * PAUSES[i - 1], to = 1_000L * PAUSES[i];
        if (pause < to) return late[i - 1] + (late[i] - late[i - 1]) * (pause - from) / (to - from);
      }
      return late[PAUSES.length - 1];
    }
  }

  /// Measures those of the numbers of threads for which the machine has processors.
  static ForkJoin measure(int[] threads) {
    var measured = new TreeMap<Integer, Cost>();
    for (int count : threads)
      if (count > 1 && count <= Runtime.getRuntime().availableProcessors()) measured.put(count, Cost.of(count));
    return new ForkJoin(measured);
  }

  /// Whether other load kept threads from beginning in all rounds, so that costs are far too high.
  boolean isDisturbed() {
    return measured.values().stream().anyMatch(cost -> Cost.isDisturbed(cost.late));
  }

  /// How much later than the caller the other threads begin, in nanoseconds; 0 if nothing was measured, as on one processor.
  ///
  /// @param threads with the caller
  /// @param pause the time since the join before, in nanoseconds
  long late(int threads, long pause) {
    if (threads < 2 || measured.isEmpty()) return 0;
    var nearest = measured.floorEntry(threads);
    if (nearest == null) nearest = measured.firstEntry();
    int count = nearest.getKey();
    var cost = nearest.getValue();
    return Math.max(0, cost.late(pause) + cost.late[0] * (threads - count) / (count - 1));
  }
}
