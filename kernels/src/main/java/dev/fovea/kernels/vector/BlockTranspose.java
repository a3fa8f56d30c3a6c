package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;

import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/// Transposes square blocks of `LANES` rows (Eklundh, "A Fast Computer Method for Matrix Transposing", 1972).
final class BlockTranspose {
  /// Floats from one row to the next. A constant, so that C2 checks the bounds once per loop.
  static final int STRIDE = 64;

  // Lane `i` from lane `i + span` or `i - span`, and the lanes whose indices have the bit `span`.
  private static final VectorShuffle<Float> DOWN_1 = moved(1), DOWN_2 = moved(2), DOWN_4 = moved(4), DOWN_8 = moved(8),
      UP_1 = moved(-1), UP_2 = moved(-2), UP_4 = moved(-4), UP_8 = moved(-8);
  private static final VectorMask<Float> UPPER_1 = upper(1), UPPER_2 = upper(2), UPPER_4 = upper(4), UPPER_8 = upper(8);

  private BlockTranspose() {}

  private static VectorShuffle<Float> moved(int span) {
    return VectorShuffle.fromOp(F, lane -> Math.floorMod(lane + span, LANES));
  }

  private static VectorMask<Float> upper(int span) {
    return VectorMask.fromLong(F, IntStream.range(0, LANES).filter(i -> (i & span) != 0).mapToLong(i -> 1L << i).sum());
  }

  /// Transposes the block at `at` of `s` in place.
  static void transpose(float[] s, int at) {
    switch (LANES) {
      case 16 -> {
        exchange(s, at, 8, DOWN_8, UP_8, UPPER_8, DOWN_4, UP_4, UPPER_4);
        exchange(s, at, 2, DOWN_2, UP_2, UPPER_2, DOWN_1, UP_1, UPPER_1);
      }
      case 8 -> {
        exchange(s, at, 4, DOWN_4, UP_4, UPPER_4, DOWN_2, UP_2, UPPER_2);
        exchange(s, at, 1, DOWN_1, UP_1, UPPER_1);
      }
      default -> exchange(s, at, 2, DOWN_2, UP_2, UPPER_2, DOWN_1, UP_1, UPPER_1);
    }
  }

  /// One step: in each block of `2 · span` rows and lanes, swaps the upper right quarter with the lower left one.
  private static void exchange(float[] s, int at, int span, VectorShuffle<Float> down, VectorShuffle<Float> up,
      VectorMask<Float> upper) {
    for (int i = 0; i < LANES; i += 2 * span)
      for (int a = at + i * STRIDE; a < at + (i + span) * STRIDE; a += STRIDE) {
        int b = a + span * STRIDE;
        FloatVector x = FloatVector.fromArray(F, s, a), y = FloatVector.fromArray(F, s, b);
        x.blend(y.rearrange(up), upper).intoArray(s, a);
        x.rearrange(down).blend(y, upper).intoArray(s, b);
      }
  }

  /// Two steps in one pass over memory, the second with half the span.
  private static void exchange(float[] s, int at, int span, VectorShuffle<Float> down, VectorShuffle<Float> up,
      VectorMask<Float> upper, VectorShuffle<Float> halfDown, VectorShuffle<Float> halfUp, VectorMask<Float> halfUpper) {
    int half = span / 2 * STRIDE;
    for (int i = 0; i < LANES; i += 2 * span)
      for (int a = at + i * STRIDE; a < at + i * STRIDE + half; a += STRIDE) {
        int b = a + half, c = b + half, d = c + half;
        FloatVector w = FloatVector.fromArray(F, s, a), x = FloatVector.fromArray(F, s, b), y = FloatVector.fromArray(F, s, c),
            z = FloatVector.fromArray(F, s, d);
        FloatVector w2 = w.blend(y.rearrange(up), upper), y2 = w.rearrange(down).blend(y, upper);
        FloatVector x2 = x.blend(z.rearrange(up), upper), z2 = x.rearrange(down).blend(z, upper);
        w2.blend(x2.rearrange(halfUp), halfUpper).intoArray(s, a);
        w2.rearrange(halfDown).blend(x2, halfUpper).intoArray(s, b);
        y2.blend(z2.rearrange(halfUp), halfUpper).intoArray(s, c);
        y2.rearrange(halfDown).blend(z2, halfUpper).intoArray(s, d);
      }
  }
}
