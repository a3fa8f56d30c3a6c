package dev.fovea.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Operands of measured operations.
final class Operands {
  private Operands() {}

  /// Uniform random numbers in `[-half, half)`, the same every time.
  static MemorySegment random(Arena arena, long n, double half) {
    var segment = arena.allocate(4 * n, 64);
    long state = n;
    for (long i = 0; i < n; i++) {
      state = state * 6364136223846793005L + 1442695040888963407L;   // Knuth's MMIX
      segment.setAtIndex(JAVA_FLOAT, i, (float) ((state >> 32) * half / (1L << 31)));
    }
    return segment;
  }

  /// Rows `[from, from + count)` of `[…, cols]`.
  static MemorySegment rows(MemorySegment x, int from, int count, int cols) {
    return x.asSlice(4L * from * cols, 4L * count * cols);
  }

  /// A random weight in panels, as the converter stores it.
  static Weight weight(Arena arena, WeightFormat format, int n, int k) {
    var layout = Weight.Layout.PANELS;
    var weight = new Weight(arena.allocate(Weight.bytes(format, layout, n, k), 64), format, layout, n, k);
    try (var own = Arena.ofConfined()) {
      Weight.rows(random(own, (long) n * k, 0.5), n, k).copyTo(weight);
    }
    return weight;
  }
}
