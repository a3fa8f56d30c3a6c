package dev.fovea.benchmarks;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// A kernel at one of the [Shapes], one thread.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(value = 1, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class KernelBenchmark {
  @Param("VECTOR")
  public KernelProvider provider;

  /// A name of [Shapes]; [LongTable] passes all of them.
  @Param("linear 197x3072x768 f32, vit-base fc1")
  public String shape;

  private final Arena arena = Arena.ofShared();
  private Kernels kernels;
  private Case prepared;

  /// Creates the operands and compares a first result with the reference provider's.
  @Setup
  public void setUp() {
    kernels = provider.open(Workers.threads(1));
    prepared = Shapes.named(shape).prepare().apply(arena);
    prepared.runChecked(kernels);
  }

  /// Undoes a run in place. No kernel takes less than some ten microseconds, so JMH's timing of single runs is accurate enough.
  @Setup(Level.Invocation)
  public void restore() {
    prepared.restore();
  }

  @TearDown
  public void tearDown() {
    kernels.close();
    arena.close();
  }

  @Benchmark
  public MemorySegment kernel() {
    prepared.run(kernels);
    return prepared.out();
  }
}
