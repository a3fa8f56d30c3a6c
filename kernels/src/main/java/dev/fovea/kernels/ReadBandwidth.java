package dev.fovea.kernels;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Reads memory as fast as it can, in four or eight streams a thread. Reading one number fetches its whole cache line.
final class ReadBandwidth {
  private static final long BYTES = 256L << 20;
  private static final int ROUNDS = 8, LINE = 64;

  /// Keeps the sums from being optimised away.
  private static volatile long sink;

  private ReadBandwidth() {}

  static double gigabytes(int threads) {
    try (var arena = Arena.ofShared(); var workers = Workers.threads(threads)) {
      var block = arena.allocate(BYTES, LINE);
      long part = BYTES / threads / (8 * LINE) * (8 * LINE);
      double best = 0;
      for (int i = 0; i < ROUNDS; i++) {
        boolean four = i % 2 == 0;
        long start = System.nanoTime();
        workers.forEach(threads, t -> {
          var own = block.asSlice(t * part, part);
          sink = four ? fourStreams(own) : eightStreams(own);
        });
        best = Math.max(best, (double) threads * part / (System.nanoTime() - start));
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
}
