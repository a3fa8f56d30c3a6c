package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.all;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// The index of the largest float of a row. Each lane keeps its largest value and the index of it.
final class Argmax {
  private static final FloatVector LANE_NUMBERS = lanes();
  private static final float NOWHERE = Float.POSITIVE_INFINITY;

  private Argmax() {}

  private static FloatVector lanes() {
    var numbers = new float[LANES];
    for (int i = 0; i < LANES; i++) numbers[i] = i;
    return FloatVector.fromArray(Simd.F, numbers, 0);
  }

  /// `out[to + r] = argmax(x[r])` for rows of `cols`.
  static void run(MemorySegment x, int cols, MemorySegment out, long to, int rows) {
    for (int row = 0; row < rows; row++) {
      long from = (long) row * cols;
      Simd.put(out, to + row, cols < LANES ? few(x, from, cols) : many(x, from, cols));
    }
  }

  private static float few(MemorySegment x, long from, int cols) {
    float best = Float.NEGATIVE_INFINITY;
    int at = 0;
    for (int col = 0; col < cols; col++) {
      float v = Simd.at(x, from + col);
      if (v > best) {
        best = v;
        at = col;
      }
    }
    return at;
  }

  private static float many(MemorySegment x, long from, int cols) {
    FloatVector best = all(Float.NEGATIVE_INFINITY), where = all(0f), number = LANE_NUMBERS;
    int col = 0;
    for (; col + LANES <= cols; col += LANES, number = number.add(LANES)) {                            // body
      var v = load(x, from + col);
      var larger = v.compare(VectorOperators.GT, best);
      best = best.blend(v, larger);
      where = where.blend(number, larger);
    }
    if (col < cols) {                                                                                  // tail
      var tail = first(cols - col);
      var v = load(x, from + col, tail);
      var larger = v.compare(VectorOperators.GT, best).and(tail);
      best = best.blend(v, larger);
      where = where.blend(number, larger);
    }
    float largest = best.reduceLanes(VectorOperators.MAX);                                             // reduce
    return all(NOWHERE).blend(where, best.compare(VectorOperators.EQ, largest)).reduceLanes(VectorOperators.MIN);
  }
}
