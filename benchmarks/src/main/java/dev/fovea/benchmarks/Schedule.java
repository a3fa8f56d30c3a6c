package dev.fovea.benchmarks;

import java.util.Arrays;

/// List scheduling: tasks start in the order in which they are handed out, each on the thread that is free first
/// (Graham, "Bounds for Certain Multiprocessing Anomalies", 1966).
final class Schedule {
  private Schedule() {}

  /// The time until the last task has ended.
  ///
  /// @param tasks the time of each task
  /// @param threads the caller and its helpers, at least 1
  /// @param late when the helpers begin; the caller begins at 0
  static long end(long[] tasks, int threads, long late) {
    var free = new long[threads];
    Arrays.fill(free, 1, threads, late);
    long end = 0;
    for (long task : tasks) {
      int first = 0;
      for (int t = 1; t < threads; t++) if (free[t] < free[first]) first = t;
      free[first] += task;
      end = Math.max(end, free[first]);
    }
    return end;
  }
}
