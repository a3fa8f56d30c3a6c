package dev.fovea.kernels.tornado;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Products, rows and elements as formulas, for any device.
///
/// The same holds for all classes of formulas: one iteration of the `@Parallel` loop computes one result, or one row of results.
/// The ints of a call are in `p`: first the number of iterations, then the index of the first number of each buffer in its array,
/// in the order of the parameters and -1 for an absent one, then sizes and strides. Sums are in float32.
///
/// Where NaN may occur, comparisons are strict: TornadoVM compiles `a >= b` as `!(a < b)`. Loops have no `break`, whose last values
/// it loses.
final class Formulas {
  private Formulas() {}

  /// `out = activation(x · weightᵀ + bias) + residual`.
  ///
  /// `p`: 0 `M · N` · 1 x · 2 weight · 3 bias · 4 residual · 5 out · 6 M · 7 N · 8 K · 9 activation
  static void linear(FloatArray x, FloatArray weight, FloatArray bias, FloatArray residual, FloatArray out, IntArray p) {
    int count = p.get(0), n = p.get(7), k = p.get(8);
    for (@Parallel int i = 0; i < count; i++) {
      int row = i / n, col = i % n;
      int line = p.get(1) + row * k, weights = p.get(2) + col * k;
      float sum = 0;
      for (int j = 0; j < k; j++) sum += x.get(line + j) * weight.get(weights + j);
      if (p.get(3) >= 0) sum += bias.get(p.get(3) + col);
      float y = Activations.apply(p.get(9), sum);
      if (p.get(4) >= 0) y += residual.get(p.get(4) + i);
      out.set(p.get(5) + i, y);
    }
  }

  /// The same with a weight of 8 bits: `bytes` `[N, K32]` and `scales` `[N, K32 / 32]`, where `K32` is `K` rounded up to 32.
  ///
  /// `p`: as for [#linear]
  static void linearQ8(FloatArray x, ByteArray bytes, FloatArray scales, FloatArray bias, FloatArray residual, FloatArray out,
      IntArray p) {
    int count = p.get(0), n = p.get(7), k = p.get(8), blocks = (k + 31) / 32;
    for (@Parallel int i = 0; i < count; i++) {
      int row = i / n, col = i % n;
      int line = p.get(1) + row * k, block = col * blocks;
      float sum = 0;
      for (int j = 0; j < k; j++) sum += x.get(line + j) * (bytes.get(block * 32 + j) * scales.get(block + j / 32));
      if (p.get(3) >= 0) sum += bias.get(p.get(3) + col);
      float y = Activations.apply(p.get(9), sum);
      if (p.get(4) >= 0) y += residual.get(p.get(4) + i);
      out.set(p.get(5) + i, y);
    }
  }

  /// `out = scale · a · b`, matrix by matrix. Strides are in the order outer, inner, row, column.
  ///
  /// `p`: 0 `outer · inner · M · N` · 1 a · 2 b · 3 out · 4 inner · 5 M · 6 N · 7 K · 8 to 11 strides of a · 12 to 15 of b ·
  /// 16 to 19 of out
  static void matmul(FloatArray a, FloatArray b, FloatArray out, IntArray p, float scale) {
    int count = p.get(0), inner = p.get(4), m = p.get(5), n = p.get(6), k = p.get(7);
    for (@Parallel int i = 0; i < count; i++) {
      int col = i % n, row = i / n % m, matrix = i / n / m;
      int outer = matrix / inner, head = matrix % inner;
      int fromA = p.get(1) + outer * p.get(8) + head * p.get(9) + row * p.get(10);
      int fromB = p.get(2) + outer * p.get(12) + head * p.get(13) + col * p.get(15);
      float sum = 0;
      for (int j = 0; j < k; j++) sum += a.get(fromA + j * p.get(11)) * b.get(fromB + j * p.get(14));
      out.set(p.get(3) + outer * p.get(16) + head * p.get(17) + row * p.get(18) + col * p.get(19), scale * sum);
    }
  }

  /// `out[r, c] = exp(x[r, c] - max(x[r])) / Σ exp(x[r] - max(x[r]))`.
  ///
  /// `p`: 0 rows · 1 x · 2 out · 3 cols
  static void softmax(FloatArray x, FloatArray out, IntArray p) {
    int count = p.get(0), cols = p.get(3);
    for (@Parallel int row = 0; row < count; row++) {
      int from = p.get(1) + row * cols, to = p.get(2) + row * cols;
      float max = Float.NEGATIVE_INFINITY, sum = 0;
      for (int col = 0; col < cols; col++) max = TornadoMath.max(max, x.get(from + col));
      for (int col = 0; col < cols; col++) {
        float e = TornadoMath.exp(x.get(from + col) - max);
        sum += e;
        out.set(to + col, e);
      }
      for (int col = 0; col < cols; col++) out.set(to + col, out.get(to + col) / sum);
    }
  }

  /// `out[r] = (x[r] - mean(x[r])) / √(var(x[r]) + eps) · gamma + beta`. The mean is a first estimate plus the mean of what is left
  /// of the row: a float would miss the mean of a row far from zero by too much.
  ///
  /// `p`: 0 rows · 1 x · 2 gamma · 3 beta · 4 out · 5 cols
  static void layerNorm(FloatArray x, FloatArray gamma, FloatArray beta, FloatArray out, IntArray p, float eps) {
    int count = p.get(0), cols = p.get(5);
    for (@Parallel int row = 0; row < count; row++) {
      int from = p.get(1) + row * cols, to = p.get(4) + row * cols;
      float sum = 0, left = 0, squares = 0;
      for (int col = 0; col < cols; col++) sum += x.get(from + col);
      float estimate = sum / cols;
      for (int col = 0; col < cols; col++) left += x.get(from + col) - estimate;
      float rest = left / cols;
      for (int col = 0; col < cols; col++) {
        float difference = x.get(from + col) - estimate - rest;
        squares += difference * difference;
      }
      float deviation = TornadoMath.sqrt(squares / cols + eps);
      for (int col = 0; col < cols; col++) {
        float y = (x.get(from + col) - estimate - rest) / deviation * gamma.get(p.get(2) + col);
        if (p.get(3) >= 0) y += beta.get(p.get(3) + col);
        out.set(to + col, y);
      }
    }
  }

  /// `out[r] = x[r] / √(mean(x[r]²) + eps) · gamma`.
  ///
  /// `p`: 0 rows · 1 x · 2 gamma · 3 out · 4 cols
  static void rmsNorm(FloatArray x, FloatArray gamma, FloatArray out, IntArray p, float eps) {
    int count = p.get(0), cols = p.get(4);
    for (@Parallel int row = 0; row < count; row++) {
      int from = p.get(1) + row * cols, to = p.get(3) + row * cols;
      float squares = 0;
      for (int col = 0; col < cols; col++) squares += x.get(from + col) * x.get(from + col);
      float root = TornadoMath.sqrt(squares / cols + eps);
      for (int col = 0; col < cols; col++) {
        float y = x.get(from + col) / root;
        if (p.get(2) >= 0) y *= gamma.get(p.get(2) + col);
        out.set(to + col, y);
      }
    }
  }

  /// `out = activation(x)`.
  ///
  /// `p`: 0 n · 1 x · 2 out · 3 activation
  static void activate(FloatArray x, FloatArray out, IntArray p) {
    int count = p.get(0);
    for (@Parallel int i = 0; i < count; i++) out.set(p.get(2) + i, Activations.apply(p.get(3), x.get(p.get(1) + i)));
  }

  /// `out = x · factor`.
  ///
  /// `p`: 0 n · 1 x · 2 out
  static void scale(FloatArray x, FloatArray out, IntArray p, float factor) {
    int count = p.get(0);
    for (@Parallel int i = 0; i < count; i++) out.set(p.get(2) + i, x.get(p.get(1) + i) * factor);
  }

  /// `out[i] = a[i] + b[i mod period]`.
  ///
  /// `p`: 0 n · 1 a · 2 b · 3 out · 4 period
  static void add(FloatArray a, FloatArray b, FloatArray out, IntArray p) {
    int count = p.get(0);
    for (@Parallel int i = 0; i < count; i++) out.set(p.get(3) + i, a.get(p.get(1) + i) + b.get(p.get(2) + i % p.get(4)));
  }

  /// `out[i] = a[i] · b[i mod period]`.
  ///
  /// `p`: 0 n · 1 a · 2 b · 3 out · 4 period
  static void multiply(FloatArray a, FloatArray b, FloatArray out, IntArray p) {
    int count = p.get(0);
    for (@Parallel int i = 0; i < count; i++) out.set(p.get(3) + i, a.get(p.get(1) + i) * b.get(p.get(2) + i % p.get(4)));
  }

  /// `out = activation(y + bias) + residual`: what is left of a linear map whose product is there.
  ///
  /// `p`: 0 `M · N` · 1 y · 2 bias · 3 residual · 4 out · 5 N · 6 activation
  static void finish(FloatArray y, FloatArray bias, FloatArray residual, FloatArray out, IntArray p) {
    int count = p.get(0), n = p.get(5);
    for (@Parallel int i = 0; i < count; i++) {
      float sum = y.get(p.get(1) + i);
      if (p.get(2) >= 0) sum += bias.get(p.get(2) + i % n);
      float value = Activations.apply(p.get(6), sum);
      if (p.get(3) >= 0) value += residual.get(p.get(3) + i);
      out.set(p.get(4) + i, value);
    }
  }

  /// Copies numbers that lie one after the other.
  ///
  /// `p`: 0 how many · 1 from · 2 to
  static void move(FloatArray from, FloatArray to, IntArray p) {
    int count = p.get(0);
    for (@Parallel int i = 0; i < count; i++) to.set(p.get(2) + i, from.get(p.get(1) + i));
  }
}
