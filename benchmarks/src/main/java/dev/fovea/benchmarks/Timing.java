package dev.fovea.benchmarks;

import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.DoubleSupplier;

/// An operation's time, with the machine's limit in the same seconds.
///
/// @param median of all calls, in seconds
/// @param best of all calls, in seconds
/// @param limit the least time that the machine allows, in seconds: the better of one measured before and one after
public record Timing(double median, double best, double limit) {
  private static final double WINDOW = 0.4;
  private static final int WINDOWS = 30, SETTLED = 3, CALLS = 5;
  private static final CompilationMXBean COMPILER = ManagementFactory.getCompilationMXBean();

  /// Two operations timed in turn, so that a change of the clock rate affects both.
  ///
  /// @param first median of the first, in seconds
  /// @param second median of the second, in seconds
  /// @param ratio median of first over second, pair by pair
  /// @param bestRatio best of the first over best of the second: the ratio without disturbance
  public record Pair(double first, double second, double ratio, double bestRatio) {}

  /// Times `run`.
  ///
  /// @param restore restores the operands, outside the time
  /// @param limit measures the least time, in seconds
  public static Timing of(Runnable restore, Runnable run, DoubleSupplier limit) {
    warmUp(restore, run);
    double before = limit.getAsDouble();
    var seconds = new ArrayList<Double>();
    for (double total = 0; total < WINDOW || seconds.size() < CALLS; total += seconds.getLast()) seconds.add(time(restore, run));
    double after = limit.getAsDouble();
    return new Timing(median(seconds), seconds.stream().min(Double::compare).orElseThrow(), Math.min(before, after));
  }

  /// Times an operation that changes none of its operands.
  public static Timing of(Runnable run, DoubleSupplier limit) {
    return of(() -> {}, run, limit);
  }

  /// Times two operations in turn.
  public static Pair pair(Runnable first, Runnable second) {
    warmUp(() -> {}, first);
    warmUp(() -> {}, second);
    var firsts = new ArrayList<Double>();
    var seconds = new ArrayList<Double>();
    var ratios = new ArrayList<Double>();
    for (double total = 0; total < 2 * WINDOW || ratios.size() < CALLS; total += firsts.getLast() + seconds.getLast()) {
      firsts.add(time(() -> {}, first));
      seconds.add(time(() -> {}, second));
      ratios.add(firsts.getLast() / seconds.getLast());
    }
    return new Pair(median(firsts), median(seconds), median(ratios), Collections.min(firsts) / Collections.min(seconds));
  }

  /// The limit's share of the median time: how near the operation is to the machine's best.
  public double share() {
    return limit / median;
  }

  /// The limit's share of the best time.
  public double bestShare() {
    return limit / best;
  }

  /// Calls until, for some windows of time, nothing became faster and almost nothing was compiled: C2 may work on one method for
  /// most of a second, which counts only when it is finished.
  private static void warmUp(Runnable restore, Runnable run) {
    double last = Double.POSITIVE_INFINITY;
    for (int i = 0, settled = 0; i < WINDOWS && settled < SETTLED; i++) {
      double best = Double.POSITIVE_INFINITY;
      long compiling = COMPILER.getTotalCompilationTime();
      for (double total = 0; total < WINDOW;) {
        double call = time(restore, run);
        total += call;
        best = Math.min(best, call);
      }
      boolean quiet = (COMPILER.getTotalCompilationTime() - compiling) / 1e3 < 0.02 * WINDOW;
      settled = best > 0.97 * last && quiet ? settled + 1 : 0;
      last = Math.min(best, last);
    }
  }

  private static double time(Runnable restore, Runnable run) {
    restore.run();
    long start = System.nanoTime();
    run.run();
    return (System.nanoTime() - start) / 1e9;
  }

  static double median(List<Double> values) {
    var sorted = values.stream().sorted().toList();
    int n = sorted.size();
    return (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
  }
}
