package dev.fovea.kernels;

import dev.fovea.kernels.vector.FmaPeak;
import dev.fovea.kernels.vector.VectorKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Measures the processor's peak speeds, so that measured speeds can be given as fractions of them.
public final class MachineProbe {
  private static final long COPY_BYTES = 64L << 20;
  private static final int ROUNDS = 8, PEAK_ROUNDS = 12;
  private static final int FMA_CALLS = 16;
  /// Upper bound for one call in hardware, even interpreted, and lower bound in decimal arithmetic.
  private static final long FMA_NANOS = 1_000;

  /// Keeps results alive.
  private static volatile float sink;

  private MachineProbe() {}

  /// Width of the vectors of [KernelProvider#VECTOR] in bits; 0 if the Vector API is missing.
  public static int vectorBits() {
    return KernelProvider.hasVectorApi() ? VectorKernels.bits() : 0;
  }

  /// Whether fused multiply-add is done in hardware. Otherwise Java computes it in decimal arithmetic, a hundred times slower;
  /// a few timed calls detect this. A query of the management beans would take longer than the rest of a start.
  public static boolean hasFma() {
    return HardwareFma.PRESENT;
  }

  /// Measured once, before a compiler speeds up the decimal arithmetic.
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

  /// The peak float32 speed of one thread in a loop of fused multiply-adds, each counted as two operations, in GFLOP/s.
  public static double peakGflops() {
    return peakGflops(PEAK_ROUNDS);
  }

  /// The same from `rounds` rounds of some milliseconds each, for repeated measurements next to others, after [#peakGflops()].
  public static double peakGflops(int rounds) {
    return FmaPeak.gflops(rounds);
  }

  /// The copy bandwidth of one thread, bytes read plus bytes written, in GB/s, for a block larger than most caches.
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

  /// The bytes that threads together read per second from memory, in GB/s: the best of several passes over a block that is larger
  /// than most caches, of which each thread reads a part.
  ///
  /// @throws IllegalArgumentException if `threads` is not positive
  public static double readBandwidth(int threads) {
    return ReadBandwidth.gigabytes(threads);
  }
}
