package dev.fovea.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.fovea.kernels.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// What operations are measured on.
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
  static Weight weight(Arena arena, Weight.Type type, int n, int k) {
    var weight = new Weight(arena.allocate(Weight.bytes(type, Weight.Layout.PANELS, n, k), 64), type, Weight.Layout.PANELS, n, k);
    try (var own = Arena.ofConfined()) {
      var values = random(own, (long) n * k, 0.5);
      for (int row = 0; row < n; row++)
        for (int column = 0; column < k; column++) {
          float value = values.getAtIndex(JAVA_FLOAT, (long) row * k + column);
          long at = weight.index(row, column);
          switch (type) {
            case F32 -> weight.segment().setAtIndex(JAVA_FLOAT, at, value);
            case F16 -> weight.segment().setAtIndex(JAVA_SHORT, at, Float.floatToFloat16(value));
            case BF16 -> weight.segment().setAtIndex(JAVA_SHORT, at, (short) (Float.floatToRawIntBits(value) >>> 16));
          }
        }
    }
    return weight;
  }
}
