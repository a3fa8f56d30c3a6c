package dev.fovea.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.MachineProbe;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
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

/// The kernels of ViT-B at 224 pixels, 197 tokens of 768 channels, one thread.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 3, time = 2)
@Fork(value = 1, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class KernelBenchmark {
  private static final int TOKENS = 197, CHANNELS = 768, HIDDEN = 3072, HEADS = 12;

  @Param("VECTOR")
  public KernelProvider provider;

  private final Arena arena = Arena.ofShared();
  private Kernels kernels;
  private MemorySegment x, hidden, qkv, out, wide, gamma;
  private Weight fc1, fc2;

  /// Allocates operands and prints the machine's peak, which the times are shares of.
  @Setup
  public void setUp() {
    kernels = provider.open(Workers.threads(1));
    x = random(TOKENS * CHANNELS);
    hidden = random(TOKENS * HIDDEN);
    qkv = random(TOKENS * 3 * CHANNELS);
    gamma = random(CHANNELS);
    out = random(TOKENS * CHANNELS);
    wide = random(TOKENS * HIDDEN);
    fc1 = new Weight(random(HIDDEN * CHANNELS), Weight.Type.F32, Weight.Layout.PANELS, HIDDEN, CHANNELS);
    fc2 = new Weight(random(HIDDEN * CHANNELS), Weight.Type.F32, Weight.Layout.PANELS, CHANNELS, HIDDEN);
    double peak = MachineProbe.peakGflops();
    System.out.printf(Locale.ROOT, "# FMA peak %.0f GFLOP/s; at it, fc1 and fc2 take %.0f us each, attention %.0f us%n", peak,
        2.0 * TOKENS * CHANNELS * HIDDEN / peak / 1e3, 4.0 * TOKENS * TOKENS * CHANNELS / peak / 1e3);
  }

  private MemorySegment random(int n) {
    var s = arena.allocate(4L * n, 64);
    for (int i = 0; i < n; i++) s.setAtIndex(JAVA_FLOAT, i, (i * 2654435761L >>> 16 & 0xff) / 256f - 0.5f);
    return s;
  }

  @TearDown
  public void tearDown() {
    kernels.close();
    arena.close();
  }

  /// 197 × 3072 × 768.
  @Benchmark
  public MemorySegment fc1() {
    kernels.linear(x, fc1, null, Activation.NONE, null, wide, TOKENS);
    return wide;
  }

  /// 197 × 768 × 3072.
  @Benchmark
  public MemorySegment fc2() {
    kernels.linear(hidden, fc2, null, Activation.NONE, null, out, TOKENS);
    return out;
  }

  /// 12 heads of 197 tokens and 64 channels.
  @Benchmark
  public MemorySegment attention() {
    kernels.attention(heads(qkv, 0), heads(qkv, 1), heads(qkv, 2),
        new Matrices(out, 1, HEADS, TOKENS, CHANNELS / HEADS, 0, CHANNELS / HEADS, CHANNELS, 1), 0.125f);
    return out;
  }

  private static Matrices heads(MemorySegment qkv, int which) {
    return new Matrices(qkv.asSlice(4L * which * CHANNELS), 1, HEADS, TOKENS, CHANNELS / HEADS, 0, CHANNELS / HEADS, 3L * CHANNELS, 1);
  }

  /// 197 rows of 768.
  @Benchmark
  public MemorySegment layerNorm() {
    kernels.layerNorm(x, gamma, null, 1e-6f, out, TOKENS, CHANNELS);
    return out;
  }

  /// 197 rows of 3072.
  @Benchmark
  public MemorySegment gelu() {
    kernels.activate(Activation.GELU, hidden, wide, (long) TOKENS * HIDDEN);
    return wide;
  }
}
