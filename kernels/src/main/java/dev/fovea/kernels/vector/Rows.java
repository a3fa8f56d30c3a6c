package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.all;
import static dev.fovea.kernels.vector.Simd.sum;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// Operations that reduce a row: softmax and layer norm. The row is the beginning of an array (why an array: [Elements]),
/// which has room up to a whole number of vectors. That room is filled with what changes no result, so that there is no tail.
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

  /// Softmax of the first `n` floats. Error at most 4 ulps of each result.
  static void softmax(float[] s, int n) {
    int end = end(n);
    Arrays.fill(s, n, end, Float.NEGATIVE_INFINITY);
    Arrays.fill(s, end, end + LANES, 0);
    VectorMath.expOfDifference(s, 0, end, VectorMath.max(s, 0, end), end);
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += s[end + lane];
    divide(s, sum, end);
  }

  /// Multiplies by the reciprocal in two floats: as exact as a division, at a third of its time.
  private static void divide(float[] s, double divisor, int end) {
    double reciprocal = 1 / divisor;
    float high = (float) reciprocal;
    FloatVector factor = all(high), rest = all((float) (reciprocal - high));
    for (int i = 0; i < end; i += LANES) {
      var v = FloatVector.fromArray(F, s, i);
      v.fma(factor, v.mul(rest)).intoArray(s, i);
    }
  }

  /// Layer norm of the first `n` floats; `gamma` and `beta` are where those begin in the array, each with the row's room.
  ///
  /// First a rough mean, then the sums of differences from it and of their squares: these
  /// correct the mean and give the variance without cancellation, however far the mean is from zero. Before `gamma` and
  /// `beta`, the error is at most 4 ulps of the row's largest result.
  ///
  /// @param beta negative where there is none
  static void layerNorm(float[] s, int n, int gamma, int beta, float eps) {
    int end = end(n);
    Arrays.fill(s, n, end, s[0]);
    float mean = roughMean(s, end, n);
    Arrays.fill(s, n, end, mean);
    normalize(s, end, n, mean, eps, gamma, beta);
  }

  /// A mean that is off by far less than a deviation. Differences from the first number are summed: they are no more than
  /// `√n` deviations, whereas sums of the numbers themselves lose all digits of a deviation where the mean is large.
  private static float roughMean(float[] s, int end, int n) {
    float first = s[0];
    FloatVector s0 = all(0f), s1 = s0;
    int i = 0;
    for (; i < end - LANES; i += 2 * LANES) {
      s0 = s0.add(FloatVector.fromArray(F, s, i).sub(first));
      s1 = s1.add(FloatVector.fromArray(F, s, i + LANES).sub(first));
    }
    if (i < end) s0 = s0.add(FloatVector.fromArray(F, s, i).sub(first));
    return first + sum(s0.add(s1)) / n;
  }

  private static void normalize(float[] s, int end, int n, float mean, float eps, int gamma, int beta) {
    FloatVector sum = all(0f), sumLost = sum, squares = sum, squaresLost = sum;
    for (int from = 0; from < end; from += BLOCK) {
      FloatVector s0 = all(0f), q0 = s0, s1 = s0, q1 = s0;
      int i = from, to = Math.min(end, from + BLOCK);
      for (; i < to - LANES; i += 2 * LANES) {
        FloatVector d0 = FloatVector.fromArray(F, s, i).sub(mean), d1 = FloatVector.fromArray(F, s, i + LANES).sub(mean);
        s0 = s0.add(d0);
        s1 = s1.add(d1);
        q0 = d0.fma(d0, q0);
        q1 = d1.fma(d1, q1);
      }
      if (i < to) {
        var d = FloatVector.fromArray(F, s, i).sub(mean);
        s0 = s0.add(d);
        q0 = d.fma(d, q0);
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
    scale(s, end, mean, (float) scale, (float) (-rest * scale), gamma, beta);
  }

  /// Divides the first `n` floats by the root of their mean square, then multiplies by `gamma`, which begins there in the array.
  /// Lanes of a block are summed in float32, blocks in double.
  ///
  /// @param gamma negative where there is none
  static void rmsNorm(float[] s, int n, int gamma, float eps) {
    int end = end(n);
    Arrays.fill(s, n, end, 0);
    double squares = 0;
    for (int from = 0; from < end; from += BLOCK) {
      var part = all(0f);
      for (int i = from; i < Math.min(end, from + BLOCK); i += LANES) {
        var v = FloatVector.fromArray(F, s, i);
        part = v.fma(v, part);
      }
      squares += sum(part);
    }
    float factor = (float) (1 / Math.sqrt(squares / n + eps));
    for (int i = 0; i < end; i += LANES) {
      var v = FloatVector.fromArray(F, s, i).mul(factor);
      (gamma < 0 ? v : v.mul(FloatVector.fromArray(F, s, gamma + i))).intoArray(s, i);
    }
  }

  /// `s = ((s - mean) · scale + shift) · gamma + beta`.
  private static void scale(float[] s, int end, float mean, float scale, float shift, int gamma, int beta) {
    var factor = all(scale);
    var offset = all(shift);
    if (beta < 0)
      for (int i = 0; i < end; i += LANES)
        FloatVector.fromArray(F, s, i).sub(mean).fma(factor, offset).mul(FloatVector.fromArray(F, s, gamma + i)).intoArray(s, i);
    else
      for (int i = 0; i < end; i += LANES)
        FloatVector.fromArray(F, s, i).sub(mean).fma(factor, offset)
            .fma(FloatVector.fromArray(F, s, gamma + i), FloatVector.fromArray(F, s, beta + i)).intoArray(s, i);
  }
}
