package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;
import static dev.fovea.kernels.vector.Simd.sum;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jetbrains.annotations.Nullable;

/// Normalisations of a row: softmax, layer norm and root-mean-square norm.
///
/// Norms read and write native memory. Softmax works in an array padded to whole vectors with neutral values, so that it needs no
/// tail. Loops call no method of this module; [VectorMath] explains why.
///
/// Short blocks are summed plainly, and their sums are added with Kahan's compensation: a long chain of equal terms always rounds
/// in the same direction, and without compensation a sum of 3,072 terms may be off by ten ulps.
final class RowNorms {
  /// Floats summed before their sum is added to that of the row.
  static final int BLOCK = 8 * LANES;
  private static final int PAIR = 2 * LANES;
  /// Floats of scratch for norms.
  static final int ROOM = PAIR;

  private RowNorms() {}

  /// Floats of the softmax array for a row of `n`: whole vectors, and one more for their sum.
  static int room(int n) {
    return end(n) + LANES;
  }

  private static int end(int n) {
    return Math.ceilDiv(n, LANES) * LANES;
  }

  /// Whether the first `n` floats are all `-∞`, or `n` is 0.
  static boolean isHidden(float[] s, int n) {
    for (int i = 0; i < n; i++) if (s[i] != Float.NEGATIVE_INFINITY) return false;
    return true;
  }

  /// Softmax of the first `n` floats, written to `out` from `to` on. The error is at most 4 ulps of each result.
  static void softmax(float[] s, int n, MemorySegment out, long to) {
    int end = end(n);
    Arrays.fill(s, n, end, Float.NEGATIVE_INFINITY);
    Arrays.fill(s, end, end + LANES, 0);
    VectorMath.expOfDifference(s, 0, end, VectorMath.max(s, 0, end), end);
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += s[end + lane];
    divide(s, n, sum, out, to);
  }

  /// Multiplies by the reciprocal as a sum of two floats: as exact as a division, in a third of its time.
  private static void divide(float[] s, int n, double divisor, MemorySegment out, long to) {
    Simd.expectPlain(out);
    double reciprocal = 1 / divisor;
    float high = (float) reciprocal;
    FloatVector factor = FloatVector.broadcast(F, high), rest = FloatVector.broadcast(F, (float) (reciprocal - high));
    long at = 4 * to;
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
      var v = FloatVector.fromArray(F, s, i);
      v.fma(factor, v.mul(rest)).intoMemorySegment(out, at + 4L * i, ORDER);
    }
    for (; i < n; i++) Simd.put(out, to + i, Math.fma(s[i], high, s[i] * (float) (reciprocal - high)));
  }

  /// Layer norm of the `n` floats from `from` on, in native memory, in three passes, of which only the last one writes.
  ///
  /// The first pass computes an approximate mean. The second sums the differences from it and their squares, which corrects the
  /// mean and gives the variance without cancellation, however far the mean is from zero. Before `gamma` and `beta`, the error is
  /// at most 4 ulps of the row's largest result.
  ///
  /// @param out the result, from `from` on; may be `x`
  /// @param room [#ROOM] floats
  static void layerNorm(MemorySegment x, long from, int n, MemorySegment gamma, @Nullable MemorySegment beta, float eps,
      MemorySegment out, float[] room) {
    normalize(x, from, n, roughMean(x, from, n, room), eps, gamma, beta, out, room);
  }

  /// The mean with an error far below the standard deviation `σ`. It sums differences from the first number: these are at most
  /// `√(2n) σ`, whereas sums of the numbers themselves lose all digits of `σ` if the mean is large.
  private static float roughMean(MemorySegment x, long from, int n, float[] room) {
    Simd.expectPlain(x);
    float first = Simd.at(x, from);
    FloatVector s0 = FloatVector.zero(F), s1 = s0;
    long at = 4 * from;
    int i = 0;
    for (; i + PAIR <= n; i += PAIR) {
      s0 = s0.add(FloatVector.fromMemorySegment(F, x, at + 4L * i, ORDER).sub(first));
      s1 = s1.add(FloatVector.fromMemorySegment(F, x, at + 4L * (i + LANES), ORDER).sub(first));
    }
    if (i < n) {
      fillRest(x, from + i, n - i, first, room);
      s0 = s0.add(FloatVector.fromArray(F, room, 0).sub(first));
      s1 = s1.add(FloatVector.fromArray(F, room, LANES).sub(first));
    }
    return first + sum(s0.add(s1)) / n;
  }

  /// Copies the last `left` floats, fewer than two vectors, padded with `filling`.
  private static void fillRest(MemorySegment x, long from, int left, float filling, float[] room) {
    Arrays.fill(room, 0, PAIR, filling);
    MemorySegment.copy(x, Simd.FLOAT, 4 * from, room, 0, left);
  }

  private static void normalize(MemorySegment x, long from, int n, float mean, float eps, MemorySegment gamma,
      @Nullable MemorySegment beta, MemorySegment out, float[] room) {
    Simd.expectPlain(x);
    FloatVector sum = FloatVector.zero(F), sumLost = sum, squares = sum, squaresLost = sum;
    long at = 4 * from;
    for (int block = 0; block < n; block += BLOCK) {
      FloatVector s0 = FloatVector.zero(F), q0 = s0, s1 = s0, q1 = s0;
      int i = block, to = Math.min(n, block + BLOCK);
      for (; i + PAIR <= to; i += PAIR) {
        var d0 = FloatVector.fromMemorySegment(F, x, at + 4L * i, ORDER).sub(mean);
        var d1 = FloatVector.fromMemorySegment(F, x, at + 4L * (i + LANES), ORDER).sub(mean);
        s0 = s0.add(d0);
        s1 = s1.add(d1);
        q0 = d0.fma(d0, q0);
        q1 = d1.fma(d1, q1);
      }
      if (i < to) {
        fillRest(x, from + i, n - i, mean, room);
        FloatVector d0 = FloatVector.fromArray(F, room, 0).sub(mean), d1 = FloatVector.fromArray(F, room, LANES).sub(mean);
        s0 = s0.add(d0);
        s1 = s1.add(d1);
        q0 = d0.fma(d0, q0);
        q1 = d1.fma(d1, q1);
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

  /// `out = ((x - mean) · scale + shift) · gamma + beta`.
  ///
  /// Both loops are in one method, so that it is too large for C2 to inline (`FreqInlineSize`). Inlined into [#normalize], the loop
  /// took twice the time; whether it was depended on the order in which the two methods were compiled.
  private static void scale(MemorySegment x, long from, int n, float mean, float scale, float shift, MemorySegment gamma,
      @Nullable MemorySegment beta, MemorySegment out) {
    Simd.expectPlain(x);
    Simd.expectPlain(gamma);
    Simd.expectPlain(out);
    FloatVector factor = FloatVector.broadcast(F, scale), offset = FloatVector.broadcast(F, shift);
    long at = 4 * from;
    int i = 0;
    if (beta == null) {
      for (; i + LANES <= n; i += LANES)
        FloatVector.fromMemorySegment(F, x, at + 4L * i, ORDER).sub(mean).fma(factor, offset)
            .mul(FloatVector.fromMemorySegment(F, gamma, 4L * i, ORDER)).intoMemorySegment(out, at + 4L * i, ORDER);
      for (; i < n; i++)
        Simd.put(out, from + i, Math.fma(Simd.at(x, from + i) - mean, scale, shift) * Simd.at(gamma, i));
      return;
    }
    Simd.expectPlain(beta);
    for (; i + LANES <= n; i += LANES)
      FloatVector.fromMemorySegment(F, x, at + 4L * i, ORDER).sub(mean).fma(factor, offset)
          .fma(FloatVector.fromMemorySegment(F, gamma, 4L * i, ORDER), FloatVector.fromMemorySegment(F, beta, 4L * i, ORDER))
          .intoMemorySegment(out, at + 4L * i, ORDER);
    for (; i < n; i++)
      Simd.put(out, from + i, Math.fma(Math.fma(Simd.at(x, from + i) - mean, scale, shift), Simd.at(gamma, i), Simd.at(beta, i)));
  }

  /// Divides the `n` floats from `from` on by their root mean square, then multiplies by `gamma`. Blocks are summed in float32, and
  /// their sums are added in double.
  ///
  /// @param room [#ROOM] floats
  static void rmsNorm(MemorySegment x, long from, int n, @Nullable MemorySegment gamma, float eps, MemorySegment out,
      float[] room) {
    Simd.expectPlain(x);
    long at = 4 * from;
    double squares = 0;
    for (int block = 0; block < n; block += BLOCK) {
      var part = FloatVector.zero(F);
      int i = block, to = Math.min(n, block + BLOCK);
      for (; i + LANES <= to; i += LANES) {
        var v = FloatVector.fromMemorySegment(F, x, at + 4L * i, ORDER);
        part = v.fma(v, part);
      }
      if (i < to) {
        fillRest(x, from + i, n - i, 0, room);
        var v = FloatVector.fromArray(F, room, 0);
        part = v.fma(v, part);
      }
      squares += sum(part);
    }
    float factor = (float) (1 / Math.sqrt(squares / n + eps));
    if (gamma == null) Elements.scale(x, factor, out, from, from + n);
    else scale(x, from, n, 0, factor, -0f, gamma, null, out);
  }
}
