package dev.fovea.cli;

import com.google.common.math.Quantiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The times of passes, in milliseconds.
final class PassTimes {
  private static final long WARM_UP_AT_LEAST = 1_500_000_000L, WARM_UP_AT_MOST = 15_000_000_000L;
  private static final int PASSES_WITHOUT_GAIN = 5;
  /// A pass below this fraction of the best time is faster; smaller gains are noise.
  private static final double GAIN = 0.97;

  private final List<Double> millis = new ArrayList<>();

  /// Runs and times a pass.
  void add(Runnable pass) {
    add(millis(pass));
  }

  /// Adds the time of a pass that was measured already.
  void add(double time) {
    millis.add(time);
  }

  void addAll(PassTimes others) {
    millis.addAll(others.millis);
  }

  double median() {
    return Quantiles.median().compute(millis);
  }

  double best() {
    return millis.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
  }

  static double millis(Runnable pass) {
    long start = System.nanoTime();
    pass.run();
    return (System.nanoTime() - start) / 1e6;
  }

  /// Runs passes, while C2 compiles, until they no longer become faster or time is up.
  static void warmUp(Runnable pass) {
    long start = System.nanoTime(), elapsed;
    double best = Double.POSITIVE_INFINITY;
    int withoutGain = 0;
    do {
      double millis = millis(pass);
      withoutGain = millis < GAIN * best ? 0 : withoutGain + 1;
      best = Math.min(best, millis);
      elapsed = System.nanoTime() - start;
    } while (elapsed < WARM_UP_AT_LEAST || withoutGain < PASSES_WITHOUT_GAIN && elapsed < WARM_UP_AT_MOST);
  }

  /// Peak resident memory in MiB as Linux reports it; NaN elsewhere.
  static double peakRss() {
    try {
      for (var line : Files.readAllLines(Path.of("/proc/self/status")))
        if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
    } catch (IOException e) {
      // Not Linux.
    }
    return Double.NaN;
  }
}
