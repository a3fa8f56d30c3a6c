package dev.fovea.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.function.Consumer;

/// Native buffers for tests: seeded contents, at an address that is no multiple of a vector.
final class Buffers {
  /// Bytes before each buffer, so that no kernel may count on alignment; the guard values there must stay.
  private static final int OFFSET = 20;
  static final float GUARD = 12345.678f;

  private final Random random;

  Buffers(long seed) {
    random = new Random(seed);
  }

  /// Room for `n` floats with guards on both sides.
  static MemorySegment empty(long n) {
    var whole = Arena.ofAuto().allocate(4 * n + 2 * OFFSET, 64);
    for (long i = 0; i < whole.byteSize(); i += 4) whole.set(JAVA_FLOAT, i, GUARD);
    return whole.asSlice(OFFSET, 4 * n);
  }

  /// `n` floats with the guards around them, which `operation` must leave alone.
  static boolean keepsGuards(long n, Consumer<MemorySegment> operation) {
    var whole = empty(n + 2 * OFFSET / 4);
    operation.accept(whole.asSlice(OFFSET, 4 * n));
    for (int i = 0; i < OFFSET / 4; i++)
      if (get(whole, i) != GUARD || get(whole, n + OFFSET / 4 + i) != GUARD) return false;
    return true;
  }

  /// `n` normally distributed floats.
  MemorySegment normal(long n) {
    var s = empty(n);
    for (long i = 0; i < n; i++) set(s, i, (float) random.nextGaussian());
    return s;
  }

  static MemorySegment of(float... values) {
    var s = empty(values.length);
    for (int i = 0; i < values.length; i++) set(s, i, values[i]);
    return s;
  }

  static MemorySegment copy(MemorySegment s) {
    return empty(s.byteSize() / 4).copyFrom(s);
  }

  static float get(MemorySegment s, long i) {
    return s.get(JAVA_FLOAT_UNALIGNED, i * 4);
  }

  static void set(MemorySegment s, long i, float value) {
    s.set(JAVA_FLOAT_UNALIGNED, i * 4, value);
  }

  static float[] floats(MemorySegment s) {
    return s.toArray(JAVA_FLOAT_UNALIGNED);
  }

  /// `Σ (actual - expected)² / Σ expected²`; equal non-finite values count as no error, unequal ones as infinite.
  static double normalizedError(MemorySegment actual, MemorySegment expected) {
    double error = 0, size = 0;
    for (long i = 0; i < expected.byteSize() / 4; i++) {
      float a = get(actual, i), e = get(expected, i);
      if (!Float.isFinite(e) || !Float.isFinite(a)) {
        if (Float.compare(a, e) != 0) return Double.POSITIVE_INFINITY;
        continue;
      }
      error += ((double) a - e) * ((double) a - e);
      size += (double) e * e;
    }
    return error == 0 ? 0 : error / size;
  }

  /// The largest `|actual - expected|`, element by element, in units of `2⁻²⁴ · (|expected| + r)`, where `r` is the root mean square of
  /// what is expected: about one unit for each rounding. Equal non-finite values count as no error, unequal ones as infinite.
  static double largestError(MemorySegment actual, MemorySegment expected) {
    double squares = 0, largest = 0;
    long n = expected.byteSize() / 4, finite = 0;
    for (long i = 0; i < n; i++) {
      double e = get(expected, i);
      if (!Double.isFinite(e)) continue;
      squares += e * e;
      finite++;
    }
    double size = Math.sqrt(squares / Math.max(1, finite));
    for (long i = 0; i < n; i++) {
      float a = get(actual, i), e = get(expected, i);
      if (Float.compare(a, e) == 0 || a == e) continue;
      double error = Math.abs((double) a - e) / (0x1p-24 * (Math.abs(e) + size));
      largest = Double.isNaN(error) ? Double.POSITIVE_INFINITY : Math.max(largest, error);
    }
    return largest;
  }

  /// The largest error, in units of [#largestError], that float32 arithmetic may make of sums of `terms` products each: roundings of a
  /// sum add up like the steps of a random walk (Higham and Mary, "A New Approach to Probabilistic Rounding Error Analysis", 2019).
  static double roundings(long terms) {
    return 8 + 2 * Math.sqrt(terms);
  }

  /// The same for attention. An error of a score becomes a relative error of the key's weight, and scores of normally distributed numbers
  /// are about `scale · √depth`.
  static double roundings(int keys, int depth, double scale) {
    return roundings((long) keys + depth) * (1 + scale * Math.sqrt(depth));
  }
}
