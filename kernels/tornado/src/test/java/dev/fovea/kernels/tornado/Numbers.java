package dev.fovea.kernels.tornado;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/// Contents of buffers, from a seed.
final class Numbers {
  private final Random random;

  Numbers(long seed) {
    random = new Random(seed);
  }

  static MemorySegment of(float... values) {
    return Arena.ofAuto().allocate(4L * values.length, 4).copyFrom(MemorySegment.ofArray(values));
  }

  /// Numbers that nobody may find in a result.
  static MemorySegment empty(long n) {
    var segment = Arena.ofAuto().allocate(4 * n, 4);
    for (long i = 0; i < n; i++) set(segment, i, -98765.4f);
    return segment;
  }

  /// Normally distributed numbers.
  MemorySegment normal(long n) {
    var segment = empty(n);
    for (long i = 0; i < n; i++) set(segment, i, (float) random.nextGaussian());
    return segment;
  }

  /// Numbers of a range, evenly distributed.
  MemorySegment uniform(long n, double from, double to) {
    var segment = empty(n);
    for (long i = 0; i < n; i++) set(segment, i, (float) (from + (to - from) * random.nextDouble()));
    return segment;
  }

  /// A weight of any form.
  Weight weight(int n, int k, WeightFormat format, Weight.Layout layout) {
    var rows = Weight.rows(normal((long) n * k), n, k);
    var weight = new Weight(Arena.ofAuto().allocate(Weight.bytes(format, layout, n, k), 4), format, layout, n, k);
    rows.copyTo(weight);
    return weight;
  }

  Weight weight(int n, int k) {
    return weight(n, k, WeightFormat.F32, Weight.Layout.ROWS);
  }

  static float get(MemorySegment segment, long i) {
    return segment.get(JAVA_FLOAT_UNALIGNED, 4 * i);
  }

  static void set(MemorySegment segment, long i, float value) {
    segment.set(JAVA_FLOAT_UNALIGNED, 4 * i, value);
  }
}
