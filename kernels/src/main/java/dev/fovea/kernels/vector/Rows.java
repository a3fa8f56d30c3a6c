package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.all;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;
import static dev.fovea.kernels.vector.Simd.sum;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jetbrains.annotations.Nullable;

/// Operations that reduce a row.
///
/// A vector access to native memory takes some twenty instructions of checks in a loop that stores there, none in one that does not.
/// Norms have three passes of which one stores, and need no copy. The exponentials of softmax are made in an array, which has
/// room up to a whole number of vectors; that is filled with what changes no result, so that there is no tail.
///
/// Terms are added up in short blocks, and blocks together with what the last addition lost (Kahan's sum): a long chain of
/// equal terms rounds the same way every time, and 3,072 of them may be off by ten ulps.
final class Rows {
  /// Floats that are summed before their sum is added to the row's.
  static final int BLOCK = 8 * LANES;

  private Rows() {}

  /// Floats of the array for a row of `n`: whole vectors, and one more for their sum.
  static int room(int n) {
    return end(n) + LANES;
  }

  private static int end(int n) {
    return Math.ceilDiv(n, LANES) * LANES;
  }

  /// Whether the first `n` floats are all `-∞`, or there are none.
  static boolean isHidden(float[] s, int n) {
    for (int i = 0; i < n; i++) if (s[i] != Float.NEGATIVE_INFINITY) return false;
    return true;
  }

  /// Softmax of the first `n` floats, to `out` from `to` on. Error at most 4 ulps of each result.
  static void softmax(float[] s, int n, MemorySegment out, long to) {
    int end = end(n);
    Arrays.fill(s, n, end, Float.NEGATIVE_INFINITY);
    Arrays.fill(s, end, end + LANES, 0);
    VectorMath.expOfDifference(s, 0, end, VectorMath.max(s, 0, end), end);
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += s[end + lane];
    divide(s, n, sum, out, to);
  }

  /// Multiplies by the reciprocal in two floats: as exact as a division, at a third of its time.
  private static void divide(float[] s, int n, double divisor, MemorySegment out, long to) {
    double reciprocal = 1 / divisor;
    float high = (float) reciprocal;
    FloatVector factor = all(high), rest = all((float) (reciprocal - high));
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
      var v = FloatVector.fromArray(F, s, i);
      store(v.fma(factor, v.mul(rest)), out, to + i);
    }
    if (i == n) return;
    var v = FloatVector.fromArray(F, s, i);
    store(v.fma(factor, v.mul(rest)), out, to + i, first(n - i));
  }

  /// Layer norm of the `n` floats from `from` on, in native memory: of its three passes only the last writes, and where none does,
  /// an access costs next to nothing and no copy is needed.
  ///
  /// First a rough mean, then the sums of differences from it and of their squares: these
  /// correct the mean and give the variance without cancellation, however far the mean is from zero. Before `gamma` and
  /// `beta`, the error is at most 4 ulps of the row's largest result.
  ///
  /// @param out where the result goes, from `from` on; may be `x`
  static void layerNorm(MemorySegment x, long from, int n, MemorySegment gamma, @Nullable MemorySegment beta, float eps,
      MemorySegment out) {
    normalize(x, from, n, roughMean(x, from, n), eps, gamma, beta, out);
  }

  /// A mean that is off by far less than a deviation. Differences from the first number are summed: they are no more than
  /// `√n` deviations, whereas sums of the numbers themselves lose all digits of a deviation where the mean is large.
  private static float roughMean(MemorySegment x, long from, int n) {
    float first = Simd.at(x, from);
    FloatVector s0 = all(0f), s1 = s0;
    int i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
      s0 = s0.add(load(x, from + i).sub(first));
      s1 = s1.add(load(x, from + i + LANES).sub(first));
    }
    if (i < n) s0 = s0.add(difference(x, from + i, n - i, first));
    if (i + LANES < n) s1 = s1.add(difference(x, from + i + LANES, n - i - LANES, first));
    return first + sum(s0.add(s1)) / n;
  }

  /// The next vector less `y`; zero in lanes beyond the `left` numbers that are left.
  private static FloatVector difference(MemorySegment x, long at, int left, float y) {
    var present = first(Math.min(LANES, left));
    return load(x, at, present).sub(all(y), present);
  }

  private static void normalize(MemorySegment x, long from, int n, float mean, float eps, MemorySegment gamma,
      @Nullable MemorySegment beta, MemorySegment out) {
    FloatVector sum = all(0f), sumLost = sum, squares = sum, squaresLost = sum;
    for (int block = 0; block < n; block += BLOCK) {
      FloatVector s0 = all(0f), q0 = s0, s1 = s0, q1 = s0;
      int i = block, to = Math.min(n, block + BLOCK);
      for (; i + 2 * LANES <= to; i += 2 * LANES) {
        FloatVector d0 = load(x, from + i).sub(mean), d1 = load(x, from + i + LANES).sub(mean);
        s0 = s0.add(d0);
        s1 = s1.add(d1);
        q0 = d0.fma(d0, q0);
        q1 = d1.fma(d1, q1);
      }
      if (i < to) {
        var d = difference(x, from + i, n - i, mean);
        s0 = s0.add(d);
        q0 = d.fma(d, q0);
      }
      if (i + LANES < to) {
        var d = difference(x, from + i + LANES, n - i - LANES, mean);
        s1 = s1.add(d);
        q1 = d.fma(d, q1);
      }
      FloatVector part = s0.add(s1).sub(sumLost), next = sum.add(part);
      sumLost = next.sub(sum).sub(part);
      sum = next;
      part = q0.add(q1).sub(squaresLost);
      next = squares.add(part);
      squaresLost = next.sub(squares).sub(part);
      squares = next;
    }
    double rest = (double) sum(sum) / n, variance = Math.max(0, (double) sum(squares) / n - rest * rest);
    double scale = 1 / Math.sqrt(variance + eps);
    scale(x, from, n, mean, (float) scale, (float) (-rest * scale), gamma, beta, out);
  }

  /// Divides the `n` floats from `from` on by the root of their mean square, then multiplies by `gamma`. Lanes of a block are summed in
  /// float32, blocks in double.
  static void rmsNorm(MemorySegment x, long from, int n, @Nullable MemorySegment gamma, float eps, MemorySegment out) {
    int whole = n / LANES * LANES;
    var some = first(n - whole);
    double squares = 0;
    for (int block = 0; block < n; block += BLOCK) {
      var part = all(0f);
      for (int i = block; i < Math.min(whole, block + BLOCK); i += LANES) {
        var v = load(x, from + i);
        part = v.fma(v, part);
      }
      if (whole < n && n <= block + BLOCK) {
        var v = load(x, from + whole, some);
        part = v.fma(v, part);
      }
      squares += sum(part);
    }
    float factor = (float) (1 / Math.sqrt(squares / n + eps));
    for (int i = 0; i < whole; i += LANES) {
      var v = load(x, from + i).mul(factor);
      store(gamma == null ? v : v.mul(load(gamma, i)), out, from + i);
    }
    if (whole == n) return;
    var v = load(x, from + whole, some).mul(factor);
    store(gamma == null ? v : v.mul(load(gamma, whole, some)), out, from + whole, some);
  }

  /// `out = ((x - mean) · scale + shift) · gamma + beta`.
  private static void scale(MemorySegment x, long from, int n, float mean, float scale, float shift, MemorySegment gamma,
      @Nullable MemorySegment beta, MemorySegment out) {
    FloatVector factor = all(scale), offset = all(shift);
    int whole = n / LANES * LANES;
    if (beta == null)
      for (int i = 0; i < whole; i += LANES)
        store(load(x, from + i).sub(mean).fma(factor, offset).mul(load(gamma, i)), out, from + i);
    else
      for (int i = 0; i < whole; i += LANES)
        store(load(x, from + i).sub(mean).fma(factor, offset).fma(load(gamma, i), load(beta, i)), out, from + i);
    if (whole == n) return;
    var some = first(n - whole);
    var y = load(x, from + whole, some).sub(mean).fma(factor, offset);
    var g = load(gamma, whole, some);
    store(beta == null ? y.mul(g) : y.fma(g, load(beta, whole, some)), out, from + whole, some);
  }
}
