package dev.fovea.benchmarks;

import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/// Measures in JMH's own process, before and after every iteration, the least time that the machine allows the benchmark.
public final class LimitProfiler implements InternalProfiler {
  /// The name of the result, in microseconds.
  static final String LIMIT = "limit";

  private double before;

  @Override
  public String getDescription() {
    return "the least time that the machine allows";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    before = seconds(benchmark);
  }

  @Override
  public Collection<? extends Result<?>> afterIteration(BenchmarkParams benchmark, IterationParams iteration,
      IterationResult result) {
    return List.of(new ScalarResult(LIMIT, 1e6 * Math.min(before, seconds(benchmark)), "us", AggregationPolicy.MIN));
  }

  private static double seconds(BenchmarkParams benchmark) {
    String shape = benchmark.getParam("shape"), pass = benchmark.getParam("pass");
    if (shape != null) return Shapes.named(shape).limit().seconds(Shapes.named(shape).amount());
    // An operation of the benchmarks without parameters is one multiply-accumulate.
    return Limit.FMA.seconds(pass == null ? 2 : ModelCase.Pass.named(pass).flopsPerThread());
  }
}
