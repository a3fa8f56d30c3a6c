package dev.fovea.kernels;

import dev.fovea.kernels.vector.FmaPeak;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Measures what the processor could do at best, so that speeds can be told as shares of it.
public final class MachineProbe {
  private static final long COPY_BYTES = 64L << 20;
  private static final int ROUNDS = 8;

  private MachineProbe() {}

  /// Width of the vectors that [KernelProvider#VECTOR] uses, in bits.
  public static int vectorBits() {
    return dev.fovea.kernels.vector.VectorKernels.bits();
  }

  /// The most float32 operations that one thread reaches in a loop of fused multiply-adds, each counted as two, in GFLOP/s.
  public static double peakGflops() {
    return FmaPeak.gflops();
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
