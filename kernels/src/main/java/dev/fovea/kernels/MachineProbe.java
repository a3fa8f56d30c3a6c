package dev.fovea.kernels;

import dev.fovea.kernels.vector.FmaPeak;
import dev.fovea.kernels.vector.VectorKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Measures what the processor could do at best, so that speeds can be told as shares of it.
public final class MachineProbe {
  private static final long COPY_BYTES = 64L << 20;
  private static final int ROUNDS = 8, PEAK_ROUNDS = 12;
  private static final int FMA_CALLS = 16;
  /// What such a call takes at most in hardware, even interpreted, and at least in decimal arithmetic.
  private static final long FMA_NANOS = 1_000;

  /// Keeps results alive.
  private static volatile float sink;

  private MachineProbe() {}

  /// Width of the vectors that [KernelProvider#VECTOR] uses, in bits; 0 where the Vector API is missing.
  public static int vectorBits() {
    return KernelProvider.hasVectorApi() ? VectorKernels.bits() : 0;
  }

  /// Whether fused multiply-add is done in hardware. Where it is not, Java computes in decimal numbers, a hundred times slower,
  /// which a few calls show; asking the management beans would take longer than the rest of a start.
  public static boolean hasFma() {
    return HardwareFma.PRESENT;
  }

  /// Tried once, before a compiler can make the slow way faster.
  private static final class HardwareFma {
    static final boolean PRESENT = isFast();

    private static boolean isFast() {
      long best = Long.MAX_VALUE;
      float sum = 0.1f;
      for (int i = 0; i < ROUNDS; i++) {
        long start = System.nanoTime();
        for (int call = 0; call < FMA_CALLS; call++) sum = Math.fma(sum, 0.75f, 0.3f);
        best = Math.min(best, System.nanoTime() - start);
      }
      sink = sum;
      return best < FMA_CALLS * FMA_NANOS;
    }
  }

  /// The most float32 operations that one thread reaches in a loop of fused multiply-adds, each counted as two, in GFLOP/s.
  public static double peakGflops() {
    return peakGflops(PEAK_ROUNDS);
  }

  /// The same from `rounds` of some milliseconds each, to be measured often beside something else, after [#peakGflops()].
  public static double peakGflops(int rounds) {
    return FmaPeak.gflops(rounds);
  }

  /// Bytes that one thread copies in a second, read and written each counted, in GB/s, for a block larger than most caches.
  public static double copyBandwidth() {
    try (var arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate(COPY_BYTES, 64), to = arena.allocate(COPY_BYTES, 64);
      double best = 0;
      for (int i = 0; i < ROUNDS; i++) {
        long start = System.nanoTime();
        to.copyFrom(from);
        best = Math.max(best, 2.0 * COPY_BYTES / (System.nanoTime() - start));
      }
      return best;
    }
  }
}
