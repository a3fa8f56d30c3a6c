package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.LANES;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// [RowNorms] in scalar loops, with small arrays in place of vectors. See there for the formulas.
final class ScalarRowNorms {
  private ScalarRowNorms() {}

  /// Softmax of the first `n` floats of `s`, which has [RowNorms#room] floats, written to `out` from `to` on.
  static void softmax(float[] s, int n, MemorySegment out, long to) {
    int end = Math.ceilDiv(n, LANES) * LANES;
    Arrays.fill(s, n, end, Float.NEGATIVE_INFINITY);
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < n; i++) if (s[i] > max) max = s[i];
    double reciprocal = 1 / expOfDifference(s, max, end);
    float high = (float) reciprocal, rest = (float) (reciprocal - high);
    for (int i = 0; i < end; i++) s[i] = Math.fma(s[i], high, s[i] * rest);
    MemorySegment.copy(s, 0, out, Simd.FLOAT, 4 * to, n);
  }

  private static double expOfDifference(float[] s, float max, int end) {
    var sum = new Kahan();
    var part = new float[LANES];
    for (int from = 0; from < end; from += RowNorms.BLOCK) {
      Arrays.fill(part, 0);
      for (int i = from; i < Math.min(end, from + RowNorms.BLOCK); i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
          s[i + lane] = ScalarMath.exp(s[i + lane], max);
          part[lane] += s[i + lane];
        }
      sum.add(part);
    }
    double total = 0;
    for (int lane = 0; lane < LANES; lane++) total += sum.lanes[lane];
    return total;
  }

  /// Layer norm of the first `n` floats; `gamma` and `beta` are positions in the array, each with room for a padded row.
  ///
  /// @param beta negative for none
  static void layerNorm(float[] s, int n, int gamma, int beta, float eps) {
    int end = Math.ceilDiv(n, LANES) * LANES;
    Arrays.fill(s, n, end, s[0]);
    float mean = roughMean(s, end, n);
    Arrays.fill(s, n, end, mean);
    normalize(s, end, n, mean, eps, gamma, beta);
  }

  private static float roughMean(float[] s, int end, int n) {
    float first = s[0];
    float[] even = new float[LANES], odd = new float[LANES];
    for (int i = 0; i < end; i += LANES) addDifferences(s, i, first, i / LANES % 2 == 0 ? even : odd);
    add(even, odd);
    return first + sum(even) / n;
  }

  private static void addDifferences(float[] s, int at, float from, float[] sums) {
    for (int lane = 0; lane < LANES; lane++) sums[lane] += s[at + lane] - from;
  }

  private static void normalize(float[] s, int end, int n, float mean, float eps, int gamma, int beta) {
    Kahan sum = new Kahan(), squares = new Kahan();
    float[] evenSum = new float[LANES], oddSum = new float[LANES], evenSquares = new float[LANES], oddSquares = new float[LANES];
    for (int from = 0; from < end; from += RowNorms.BLOCK) {
      Arrays.fill(evenSum, 0);
      Arrays.fill(oddSum, 0);
      Arrays.fill(evenSquares, 0);
      Arrays.fill(oddSquares, 0);
      for (int i = from; i < Math.min(end, from + RowNorms.BLOCK); i += LANES)
        if (i / LANES % 2 == 0) addDifferences(s, i, mean, evenSum, evenSquares);
        else addDifferences(s, i, mean, oddSum, oddSquares);
      add(evenSum, oddSum);
      sum.add(evenSum);
      add(evenSquares, oddSquares);
      squares.add(evenSquares);
    }
    double rest = (double) sum(sum.lanes) / n, variance = Math.max(0, (double) sum(squares.lanes) / n - rest * rest);
    double scale = 1 / Math.sqrt(variance + eps);
    scale(s, end, mean, (float) scale, (float) (-rest * scale), gamma, beta);
  }

  private static void addDifferences(float[] s, int at, float from, float[] sums, float[] squares) {
    for (int lane = 0; lane < LANES; lane++) {
      float d = s[at + lane] - from;
      sums[lane] += d;
      squares[lane] = Math.fma(d, d, squares[lane]);
    }
  }

  private static void scale(float[] s, int end, float mean, float scale, float shift, int gamma, int beta) {
    if (beta < 0) for (int i = 0; i < end; i++) s[i] = Math.fma(s[i] - mean, scale, shift) * s[gamma + i];
    else for (int i = 0; i < end; i++) s[i] = Math.fma(Math.fma(s[i] - mean, scale, shift), s[gamma + i], s[beta + i]);
  }

  /// RMS norm of the first `n` floats; `gamma` is the position of the weight in the array. Both have room for a padded row.
  ///
  /// @param gamma negative for none
  static void rmsNorm(float[] s, int n, int gamma, float eps) {
    int end = Math.ceilDiv(n, LANES) * LANES;
    Arrays.fill(s, n, end, 0);
    double squares = 0;
    var part = new float[LANES];
    for (int from = 0; from < end; from += RowNorms.BLOCK) {
      Arrays.fill(part, 0);
      for (int i = from; i < Math.min(end, from + RowNorms.BLOCK); i += LANES) addSquares(s, i, part);
      squares += sum(part);
    }
    float factor = (float) (1 / Math.sqrt(squares / n + eps));
    if (gamma < 0) for (int i = 0; i < n; i++) s[i] *= factor;
    else for (int i = 0; i < n; i++) s[i] = Math.fma(s[i], factor, -0f) * s[gamma + i];
  }

  private static void addSquares(float[] s, int at, float[] squares) {
    for (int lane = 0; lane < LANES; lane++) squares[lane] = Math.fma(s[at + lane], s[at + lane], squares[lane]);
  }

  private static void add(float[] a, float[] b) {
    for (int lane = 0; lane < LANES; lane++) a[lane] += b[lane];
  }

  /// The same as [Simd#sum].
  private static float sum(float[] lanes) {
    for (int by = 1; by < LANES; by *= 2)
      for (int lane = 0; lane < LANES; lane += 2 * by) lanes[lane] += lanes[lane + by];
    return lanes[0];
  }

  /// Kahan's compensated sums, lane by lane.
  private static final class Kahan {
    private final float[] lanes = new float[LANES], lost = new float[LANES];

    void add(float[] part) {
      for (int lane = 0; lane < LANES; lane++) {
        float p = part[lane] - lost[lane], next = lanes[lane] + p;
        lost[lane] = next - lanes[lane] - p;
        lanes[lane] = next;
      }
    }
  }
}
