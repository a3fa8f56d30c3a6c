package dev.fovea.benchmarks;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/// Runs [BitsBenchmark] under JMH, then prints a markdown table: multiply-accumulates a second, beside float32's in the same
/// process.
final class BitsTable {
  /// What each method computes, in the order of the rows.
  private static final Map<String, String> WORDS = new TreeMap<>(Map.of(
      "float32", "Fovea's product of 197 x 384 x 768, float32 weight",
      "q8", "Fovea's product of 197 x 384 x 768, q8 weight",
      "pairsSummed", "C2, int16 pairs, summed in a loop",
      "pairsStored", "C2, int16 pairs, 2 x 2 results stored",
      "vectorsOf32Bits", "Vector API, 8 bits widened to 32",
      "vectorsOf16Bits", "Vector API, 8 bits widened to 16, two products a sum"));

  private BitsTable() {}

  /// Runs the benchmarks whose method's name contains the pattern.
  ///
  /// @throws RunnerException if a benchmark fails, also by a wrong result
  static void print(Pattern filter) throws RunnerException {
    var options = new OptionsBuilder().addProfiler(LimitProfiler.class).shouldFailOnError(true).timeout(TimeValue.minutes(2));
    var wanted = WORDS.keySet().stream().filter(filter.asPredicate()).toList();
    wanted.forEach(method -> options.include(Pattern.quote(BitsBenchmark.class.getName() + "." + method) + "$"));
    if (wanted.isEmpty()) return;
    var results = new Runner(options.build()).run();
    System.out.printf("%nBillions of multiply-accumulates a second, one thread; the best of five iterations.%n%n"
        + "| what | measured | float32 FMA peak | share |%n|---|---|---|---|%n");
    results.forEach(BitsTable::printRow);
  }

  private static void printRow(RunResult result) {
    var name = result.getParams().getBenchmark();
    double best = result.getPrimaryResult().getStatistics().getMin();
    double least = 1e3 * result.getSecondaryResults().get(LimitProfiler.LIMIT).getScore();
    System.out.printf("| %s | %.1f | %.1f | %.0f %% |%n", WORDS.get(name.substring(name.lastIndexOf('.') + 1)), 1 / best,
        1 / least, 100 * least / best);
  }
}
