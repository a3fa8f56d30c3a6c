package dev.fovea.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.fovea.kernels.MachineProbe;
import dev.fovea.kernels.Workers;
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

  private static final int ROUNDS = 8, COPIES = 40, LINE = 64;

  private final String words, unit;

  /// Keeps the sums from being optimised away.
  private static volatile long sink;

  Limit(String words, String unit) {
    this.words = words;
    this.unit = unit;
  }

  /// The least time for `amount`, in seconds, as measured now.
  public double seconds(double amount) {
    return switch (this) {
      case FMA -> amount / (1e9 * MachineProbe.peakGflops());
      case READ -> amount / readBandwidth();
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

  /// Bytes that one thread reads per second: the best of several passes over 256 MiB, in four or eight streams. Reading one number
  /// fetches its whole cache line.
  static double readBandwidth() {
    return readBandwidth(1);
  }

  /// The same for several threads together, each of which reads a part of those bytes.
  static double readBandwidth(int threads) {
    try (var arena = Arena.ofShared(); var workers = Workers.threads(threads)) {
      var block = arena.allocate(Shapes.BEYOND_CACHES, LINE);
      long part = block.byteSize() / threads / (8 * LINE) * (8 * LINE);
      double best = 0;
      for (int i = 0; i < ROUNDS; i++) {
        boolean four = i % 2 == 0;
        long start = System.nanoTime();
        workers.forEach(threads, t -> {
          var own = block.asSlice(t * part, part);
          sink = four ? fourStreams(own) : eightStreams(own);
        });
        best = Math.max(best, 1e9 * threads * part / (System.nanoTime() - start));
      }
      return best;
    }
  }

  private static long fourStreams(MemorySegment block) {
    long a = 0, b = 0, c = 0, d = 0;
    int n = (int) (block.byteSize() / 8 / 4);
    for (int i = 0; i < n; i += LINE / 8) {
      a += block.getAtIndex(JAVA_LONG_UNALIGNED, i);
      b += block.getAtIndex(JAVA_LONG_UNALIGNED, n + i);
      c += block.getAtIndex(JAVA_LONG_UNALIGNED, 2 * n + i);
      d += block.getAtIndex(JAVA_LONG_UNALIGNED, 3 * n + i);
    }
    return a + b + c + d;
  }

  private static long eightStreams(MemorySegment block) {
    long a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
    int n = (int) (block.byteSize() / 8 / 8);
    for (int i = 0; i < n; i += LINE / 8) {
      a += block.getAtIndex(JAVA_LONG_UNALIGNED, i);
      b += block.getAtIndex(JAVA_LONG_UNALIGNED, n + i);
      c += block.getAtIndex(JAVA_LONG_UNALIGNED, 2 * n + i);
      d += block.getAtIndex(JAVA_LONG_UNALIGNED, 3 * n + i);
      e += block.getAtIndex(JAVA_LONG_UNALIGNED, 4 * n + i);
      f += block.getAtIndex(JAVA_LONG_UNALIGNED, 5 * n + i);
      g += block.getAtIndex(JAVA_LONG_UNALIGNED, 6 * n + i);
      h += block.getAtIndex(JAVA_LONG_UNALIGNED, 7 * n + i);
    }
    return a + b + c + d + e + f + g + h;
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
