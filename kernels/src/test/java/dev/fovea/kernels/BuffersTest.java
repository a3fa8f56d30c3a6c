package dev.fovea.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/// What the kernels' tests compare by: the largest error finds what the mean square of a whole buffer hides.
class BuffersTest {
  private static final int N = 113_000;

  private final MemorySegment expected = new Buffers(1).normal(N), actual = Buffers.copy(expected);

  @Test
  void oneWrongElementOfMany() {
    Buffers.set(actual, N / 2, Buffers.get(expected, N / 2) + 1e-4f);
    assertThat(Buffers.normalizedError(actual, expected)).isLessThan(1e-12);
    assertThat(Buffers.largestError(actual, expected)).isGreaterThan(Buffers.roundings(16));
  }

  @Test
  void oneElementRoundedToBf16() {
    int i = 0;
    while (Math.abs(Buffers.get(expected, i)) < 0.5f || (Float.floatToRawIntBits(Buffers.get(expected, i)) & 0xffff) < 0x4000) i++;
    Buffers.set(actual, i, Float.intBitsToFloat(Float.floatToRawIntBits(Buffers.get(expected, i)) & 0xffff0000));
    assertThat(Buffers.largestError(actual, expected)).isGreaterThan(Buffers.roundings(20_011));
  }

  @Test
  void lastBitsAreWithinTheBound() {
    for (int i = 0; i < N; i++) Buffers.set(actual, i, Math.nextUp(Buffers.get(expected, i)));
    assertThat(Buffers.largestError(actual, expected)).isBetween(0.5, Buffers.roundings(0));
  }

  @Test
  void nonFiniteNumbersMustBeEqual() {
    assertThat(Buffers.largestError(Buffers.of(Float.NaN, 1, 0f), Buffers.of(Float.NaN, 1, -0f))).isZero();
    assertThat(Buffers.largestError(Buffers.of(Float.NaN, 1), Buffers.of(1, 1))).isInfinite();
    assertThat(Buffers.largestError(Buffers.of(1, 1), Buffers.of(Float.POSITIVE_INFINITY, 1))).isInfinite();
    assertThat(Buffers.largestError(Buffers.of(Float.POSITIVE_INFINITY, 1), Buffers.of(Float.NEGATIVE_INFINITY, 1))).isInfinite();
  }
}
