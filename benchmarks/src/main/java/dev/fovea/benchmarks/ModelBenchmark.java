package dev.fovea.benchmarks;

import dev.fovea.engine.tensor.Tensor;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// A whole model with random weights.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 3, time = 2)
@Fork(value = 1, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class ModelBenchmark {
  /// A name of [ModelCase.Pass]; [LongTable] passes all of them.
  @Param("vit-base-patch16-224, batch 1, 1 thread")
  public String pass;

  private ModelCase model;

  @Setup
  public void setUp() {
    model = new ModelCase(ModelCase.Pass.named(pass));
    model.runChecked();
  }

  @TearDown
  public void tearDown() {
    model.close();
  }

  @Benchmark
  public Map<String, Tensor> forward() {
    return model.run();
  }
}
