package dev.fovea.benchmarks;

import dev.fovea.kernels.KernelProvider;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.regex.Pattern;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/// Runs every kernel of every provider and every model under JMH, each in its own process, then prints a markdown table.
final class LongTable {
  /// Reference kernels manage about one operation per nanosecond: shapes that take longer than some seconds run on vector kernels
  /// only.
  private static final double MOST_FLOPS_OF_REFERENCE = 2e9;

  private LongTable() {}

  /// Runs the benchmarks whose name contains the pattern.
  ///
  /// @throws RunnerException if a benchmark fails, also by a wrong result
  static void print(Pattern filter) throws RunnerException {
    var results = new ArrayList<RunResult>();
    var wanted = filter.asPredicate();
    var shapes = Shapes.ALL.stream().filter(s -> wanted.test(s.name())).toList();
    run(results, kernels(KernelProvider.VECTOR), "shape", names(shapes));
    var quick = shapes.stream().filter(s -> s.limit() != Limit.FMA || s.amount() <= MOST_FLOPS_OF_REFERENCE).toList();
    run(results, kernels(KernelProvider.REFERENCE).warmupIterations(1).measurementIterations(1), "shape", names(quick));
    var passes = ModelCase.Pass.ALL.stream().filter(p -> wanted.test(p.toString())).toList();
    run(results, builder(ModelBenchmark.class), "pass", names(passes));
    System.out.printf("%n| kernels | what | median | best | limit | median's ratio | best's ratio | reach |%n"
        + "|---|---|---|---|---|---|---|---|%n");
    results.forEach(LongTable::printRow);
  }

  private static ChainedOptionsBuilder kernels(KernelProvider provider) {
    return builder(KernelBenchmark.class).param("provider", provider.name());
  }

  private static ChainedOptionsBuilder builder(Class<?> benchmark) {
    return new OptionsBuilder().include(Pattern.quote(benchmark.getName() + ".")).addProfiler(LimitProfiler.class)
        .shouldFailOnError(true).timeout(TimeValue.minutes(5));
  }

  private static String[] names(List<?> rows) {
    return rows.stream().map(row -> row instanceof Shape shape ? shape.name() : row.toString()).toArray(String[]::new);
  }

  private static void run(Collection<RunResult> results, ChainedOptionsBuilder options, String param, String[] values)
      throws RunnerException {
    if (values.length > 0) results.addAll(new Runner(options.param(param, values).build()).run());
  }

  private static void printRow(RunResult result) {
    var name = result.getParams().getParam("shape");
    var shape = name == null ? null : Shapes.named(name);
    var limit = shape == null ? Limit.FMA : shape.limit();
    var times = result.getPrimaryResult().getStatistics();
    double median = times.getPercentile(50), best = times.getMin();
    double least = result.getSecondaryResults().get(LimitProfiler.LIMIT).getScore();
    System.out.printf("| %s | %s | %.1f us | %.1f us | %s | %s | %s | %s |%n",
        shape == null ? "vector" : KernelProvider.valueOf(result.getParams().getParam("provider")).id(),
        shape == null ? result.getParams().getParam("pass") : name,
        median, best, limit.words(), limit.ratio(least / median), limit.ratio(least / best),
        shape == null ? "" : limit.reach(shape.reach()));
  }
}
