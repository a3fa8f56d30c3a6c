package dev.fovea.benchmarks;

import dev.fovea.kernels.MachineProbe;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The machine's limits for one thread, measured and never assumed.
///
/// Clock rates change within seconds, so a limit is measured beside every operation that is compared with it.
public enum Limit {
  /// Fused multiply-adds; amounts are floating-point operations, two each.
  FMA("FMA peak", "GFLOP/s"),
  /// Reading memory that is in no cache, once; amounts are bytes.
  READ("read bandwidth", "GB/s"),
  /// A copy of a block of this size, in any cache that holds it; amounts are the bytes of the block.
  COPY("copy", "GB/s");

  private static final int COPIES = 40;

  private final String words, unit;

  Limit(String words, String unit) {
    this.words = words;
    this.unit = unit;
  }

  /// The least time for `amount`, in seconds, as measured now.
  public double seconds(double amount) {
    return switch (this) {
      case FMA -> amount / (1e9 * MachineProbe.peakGflops());
      case READ -> amount / (1e9 * MachineProbe.readBandwidth(1));
      case COPY -> copySeconds((long) amount);
    };
  }

  /// The same from one short measurement, to repeat in turn with another.
  double quickSeconds(double amount) {
    return this == FMA ? amount / (1e9 * MachineProbe.peakGflops(1)) : seconds(amount);
  }

  /// How a time compares with the limit: a share of the peak or the bandwidth, or a multiple of a copy.
  ///
  /// @param share the limit's time over the measured one
  public String ratio(double share) {
    return this == COPY ? String.format("%.2f x", 1 / share) : String.format("%.0f %%", 100 * share);
  }

  /// The target, in words; empty if the share is NaN.
  String reach(double share) {
    if (Double.isNaN(share)) return "";
    return this == COPY ? "<= " + ratio(share) + " a copy" : ">= " + ratio(share) + " of the " + words;
  }

  /// The limit's name.
  String words() {
    return words;
  }

  /// Speed, with its unit.
  String speed(double amount, double seconds) {
    return String.format("%.0f %s", amount / seconds / 1e9, unit);
  }

  private static double copySeconds(long bytes) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate(bytes, 64), to = arena.allocate(bytes, 64);
      double best = Double.POSITIVE_INFINITY;
      for (int i = 0; i < COPIES; i++) {
        long start = System.nanoTime();
        to.copyFrom(from);
        best = Math.min(best, (System.nanoTime() - start) / 1e9);
      }
      return best;
    }
  }
}
