package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.all;
import static dev.fovea.kernels.vector.Simd.body;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;
import static dev.fovea.kernels.vector.Simd.sum;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.jetbrains.annotations.Nullable;

/// Operations that reduce a row: softmax and layer norm.
final class Rows {
  private Rows() {}

  /// Softmax of the `n` floats at `from`, into the same place of `out`.
  static void softmax(MemorySegment x, MemorySegment out, long from, int n) {
    float max = max(x, from, n);
    float sum = expOfDifference(x, max, out, from, n);
    Elements.scale(out, 1 / sum, out, from, from + n);
  }

  static float max(MemorySegment x, long from, int n) {
    long i = from, to = from + n, end = from + body(n);
    var max = all(Float.NEGATIVE_INFINITY);
    for (; i < end; i += LANES) max = max.max(load(x, i));                                             // body
    if (i < to) max = max.lanewise(VectorOperators.MAX, load(x, i, first(to - i)), first(to - i));     // tail
    return max.reduceLanes(VectorOperators.MAX);
  }

  /// `out = exp(x - max)`.
  ///
  /// @return the sum of what it wrote
  static float expOfDifference(MemorySegment x, float max, MemorySegment out, long from, int n) {
    long i = from, to = from + n, end = from + body(n);
    var sum = all(0f);
    for (; i < end; i += LANES) {                                                                      // body
      var e = VectorMath.exp(load(x, i).sub(max));
      store(e, out, i);
      sum = sum.add(e);
    }
    if (i < to) {                                                                                      // tail
      var tail = first(to - i);
      var e = VectorMath.exp(load(x, i, tail).sub(max));
      store(e, out, i, tail);
      sum = sum.add(e, tail);
    }
    return sum(sum);
  }

  /// Layer norm of the `n` floats at `from`, into the same place of `out`. Mean first, then squares of differences: one
  /// pass over `Σx²` would cancel where the mean is large.
  static void layerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps,
      MemorySegment out, long from, int n) {
    float mean = sumOfPowers(x, 0, from, n, false) / n;
    float variance = sumOfPowers(x, mean, from, n, true) / n;
    float scale = (float) (1 / Math.sqrt((double) variance + eps));
    normalize(x, gamma, beta, mean, scale, out, from, n);
  }

  /// `Σ (x - shift)`, or `Σ (x - shift)²`, in four chains, which is also gentler on rounding than one.
  private static float sumOfPowers(MemorySegment x, float shift, long from, int n, boolean squared) {
    long i = from, to = from + n, end = from + body(n), unrolled = from + n - n % (4L * LANES);
    FloatVector s0 = all(0f), s1 = s0, s2 = s0, s3 = s0;
    for (; i < unrolled; i += 4L * LANES) {                                                            // body
      var d0 = load(x, i).sub(shift);
      var d1 = load(x, i + LANES).sub(shift);
      var d2 = load(x, i + 2L * LANES).sub(shift);
      var d3 = load(x, i + 3L * LANES).sub(shift);
      s0 = squared ? d0.fma(d0, s0) : s0.add(d0);
      s1 = squared ? d1.fma(d1, s1) : s1.add(d1);
      s2 = squared ? d2.fma(d2, s2) : s2.add(d2);
      s3 = squared ? d3.fma(d3, s3) : s3.add(d3);
    }
    for (; i < end; i += LANES) {                                                                      // single vectors
      var d = load(x, i).sub(shift);
      s0 = squared ? d.fma(d, s0) : s0.add(d);
    }
    if (i < to) {                                                                                      // tail
      var tail = first(to - i);
      var d = load(x, i, tail).sub(shift, tail);
      s1 = squared ? d.fma(d, s1) : s1.add(d);
    }
    return sum(s0.add(s1).add(s2.add(s3)));
  }

  private static void normalize(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float mean,
      float scale, MemorySegment out, long from, int n) {
    long i = 0, end = body(n);
    for (; i < end; i += LANES) {                                                                      // body
      var y = load(x, from + i).sub(mean).mul(scale);
      var g = load(gamma, i);
      store(beta == null ? y.mul(g) : y.fma(g, load(beta, i)), out, from + i);
    }
    if (i < n) {                                                                                       // tail
      var tail = first(n - i);
      var y = load(x, from + i, tail).sub(mean).mul(scale);
      var g = load(gamma, i, tail);
      store(beta == null ? y.mul(g) : y.fma(g, load(beta, i, tail)), out, from + i, tail);
    }
  }
}
