package dev.fovea.benchmarks;

import dev.fovea.kernels.MachineProbe;
import dev.fovea.kernels.Workers;
import java.util.Arrays;
import java.util.NavigableMap;
import java.util.TreeMap;

/// The cost of sharing tasks with other threads: how much later than the caller they begin and are known to have ended.
///
/// It is measured with one task for each thread, all equally long: the cost is the time beyond that of one task. The caller
/// pauses before, as in the serial part of a pass, because threads that wait for long fall asleep. It is the least of several
/// medians, since other load delays whole series of joins.
///
/// For more threads than processors the cost is extrapolated. Each further thread adds the average cost of one that is awake,
/// `awake(measured) / (measured - 1)`: threads take their tasks one after the other, by a counter in memory that moves from
/// processor to processor. Waking up, which all threads do at once, adds nothing more.
///
/// @param late by number of threads: the cost after each of [#PAUSES], in nanoseconds
record ForkJoin(NavigableMap<Integer, long[]> late) {
  /// Pauses before sharing, in microseconds.
  static final int[] PAUSES = {0, 10, 50, 100, 200, 500, 1000};

  /// Longer than waking up takes.
  private static final long TASK = 500_000;
  private static final int ROUNDS = 9, JOINS = 41, EMPTY_JOINS = 1_000;

  /// Measures the cost for those of the numbers of threads for which the machine has processors.
  static ForkJoin measure(int[] threads) {
    var late = new TreeMap<Integer, long[]>();
    for (int count : threads)
      if (count > 1 && count <= Runtime.getRuntime().availableProcessors()) late.put(count, measure(count));
    return new ForkJoin(late);
  }

  private static long[] measure(int threads) {
    var least = new long[PAUSES.length];
    Arrays.fill(least, Long.MAX_VALUE);
    try (var workers = Workers.threads(threads)) {
      for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < PAUSES.length; i++) least[i] = Math.min(least[i], late(workers, 1_000L * PAUSES[i]));
    }
    return least;
  }

  /// The median of some joins.
  private static long late(Workers workers, long pause) {
    var times = new long[JOINS];
    for (int i = 0; i < JOINS; i++) {
      spin(pause);
      long start = System.nanoTime();
      workers.forEach(workers.threads(), _ -> spin(TASK));
      times[i] = System.nanoTime() - start - TASK;
    }
    Arrays.sort(times);
    return times[JOINS / 2];
  }

  private static void spin(long nanos) {
    long start = System.nanoTime();
    while (System.nanoTime() - start < nanos) Thread.onSpinWait();
  }

  /// The least time of a join of empty tasks, one for each thread, in nanoseconds; the caller may do all of them itself.
  static double empty(int threads) {
    double best = Double.POSITIVE_INFINITY;
    try (var workers = Workers.threads(threads)) {
      for (int round = 0; round < 10 * ROUNDS; round++) {
        long start = System.nanoTime();
        for (int i = 0; i < EMPTY_JOINS; i++) workers.forEach(threads, _ -> {});
        best = Math.min(best, (double) (System.nanoTime() - start) / EMPTY_JOINS);
      }
    }
    return best;
  }

  /// How many times as much as one thread some threads do together, in multiply-adds without memory: less than their number where
  /// processors share a core or the clock rate falls.
  static double together(int threads) {
    double alone = Double.POSITIVE_INFINITY, together = Double.POSITIVE_INFINITY;
    try (var one = Workers.threads(1); var workers = Workers.threads(threads)) {
      for (int round = 0; round < ROUNDS; round++) {
        alone = Math.min(alone, multiplyAdds(one));
        together = Math.min(together, multiplyAdds(workers));
      }
    }
    return threads * alone / together;
  }

  private static double multiplyAdds(Workers workers) {
    long start = System.nanoTime();
    workers.forEach(workers.threads(), _ -> MachineProbe.peakGflops(2));
    return System.nanoTime() - start;
  }

  /// How late the other threads begin, in nanoseconds; 0 if nothing was measured, as on a single processor.
  ///
  /// @param threads with the caller
  /// @param pause the time since the join before, in nanoseconds
  long late(int threads, long pause) {
    if (threads < 2 || late.isEmpty()) return 0;
    var measured = late.floorEntry(threads);
    if (measured == null) measured = late.firstEntry();
    var costs = measured.getValue();
    long each = costs[0] / (measured.getKey() - 1);
    return Math.max(0, after(costs, pause) + each * (threads - measured.getKey()));
  }

  /// The cost after a pause, between the nearest measured ones.
  private static long after(long[] costs, long pause) {
    for (int i = 1; i < PAUSES.length; i++) {
      long from = 1_000L * PAUSES[i - 1], to = 1_000L * PAUSES[i];
      if (pause < to) return costs[i - 1] + (costs[i] - costs[i - 1]) * (pause - from) / (to - from);
    }
    return costs[PAUSES.length - 1];
  }
}
