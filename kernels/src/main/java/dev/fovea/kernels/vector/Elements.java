package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.FLOAT;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;

import dev.fovea.kernels.Activation;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Element-wise operations on a range of floats.
///
/// Activations work on arrays, because they also serve the tiles of products; buffers are copied to an array and back in blocks
/// that stay in the first-level cache. The arithmetic covers whole vectors; results past the range are discarded.
final class Elements {
  /// Floats of a block.
  private static final int BLOCK = 2048;
  /// Floats of the scratch array of these operations and those of [ScalarElements].
  static final int ROOM = 2 * BLOCK;

  private Elements() {}

  /// `out[i] = activation(x[i])` for `i` in `[from, to)`.
  static void activate(Activation activation, MemorySegment x, MemorySegment out, long from, long to, float[] s) {
    for (long i = from; i < to; i += BLOCK) {
      int n = (int) Math.min(BLOCK, to - i);
      MemorySegment.copy(x, FLOAT, i * 4, s, 0, n);
      activate(activation, s, 0, n);
      MemorySegment.copy(s, 0, out, FLOAT, i * 4, n);
    }
  }

  /// `out[i] = a[i] + b[bFrom + i - from]`.
  static void add(MemorySegment a, MemorySegment b, long bFrom, MemorySegment out, long from, long to) {
    Simd.expectPlain(a);
    Simd.expectPlain(b);
    Simd.expectPlain(out);
    long i = from, shift = bFrom - from;
    for (; i + LANES <= to; i += LANES)
      FloatVector.fromMemorySegment(F, a, 4 * i, ORDER).add(FloatVector.fromMemorySegment(F, b, 4 * (i + shift), ORDER))
          .intoMemorySegment(out, 4 * i, ORDER);
    for (; i < to; i++) Simd.put(out, i, Simd.at(a, i) + Simd.at(b, i + shift));
  }

  /// `out[i] = a[i] · b[bFrom + i - from]`.
  static void multiply(MemorySegment a, MemorySegment b, long bFrom, MemorySegment out, long from, long to) {
    Simd.expectPlain(a);
    Simd.expectPlain(b);
    Simd.expectPlain(out);
    long i = from, shift = bFrom - from;
    for (; i + LANES <= to; i += LANES)
      FloatVector.fromMemorySegment(F, a, 4 * i, ORDER).mul(FloatVector.fromMemorySegment(F, b, 4 * (i + shift), ORDER))
          .intoMemorySegment(out, 4 * i, ORDER);
    for (; i < to; i++) Simd.put(out, i, Simd.at(a, i) * Simd.at(b, i + shift));
  }

  /// `out[i] = x[i] · factor`.
  static void scale(MemorySegment x, float factor, MemorySegment out, long from, long to) {
    Simd.expectPlain(x);
    Simd.expectPlain(out);
    long i = from;
    for (; i + LANES <= to; i += LANES)
      FloatVector.fromMemorySegment(F, x, 4 * i, ORDER).mul(factor).intoMemorySegment(out, 4 * i, ORDER);
    for (; i < to; i++) Simd.put(out, i, Simd.at(x, i) * factor);
  }

  /// Turns `half` pairs of numbers, `half` apart from each other, by angles whose cosines are at `at` of the table, followed by
  /// their sines.
  static void rotate(MemorySegment x, long from, MemorySegment table, long at, MemorySegment out, long to, int half) {
    Simd.expectPlain(x);
    Simd.expectPlain(table);
    Simd.expectPlain(out);
    int i = 0;
    for (; i + LANES <= half; i += LANES) {
      FloatVector a = FloatVector.fromMemorySegment(F, x, 4 * (from + i), ORDER),
          b = FloatVector.fromMemorySegment(F, x, 4 * (from + half + i), ORDER),
          cos = FloatVector.fromMemorySegment(F, table, 4 * (at + i), ORDER),
          sin = FloatVector.fromMemorySegment(F, table, 4 * (at + half + i), ORDER);
      a.fma(cos, b.mul(sin).neg()).intoMemorySegment(out, 4 * (to + i), ORDER);
      b.fma(cos, a.mul(sin)).intoMemorySegment(out, 4 * (to + half + i), ORDER);
    }
    for (; i < half; i++) {
      float a = Simd.at(x, from + i), b = Simd.at(x, from + half + i);
      float cos = Simd.at(table, at + i), sin = Simd.at(table, at + half + i);
      Simd.put(out, to + i, Math.fma(a, cos, -(b * sin)));
      Simd.put(out, to + half + i, Math.fma(b, cos, a * sin));
    }
  }

  /// Multiplies `[from, to)`, up to a whole vector.
  static void scale(float[] s, int from, int to, float factor) {
    for (int i = from; i < to; i += LANES) FloatVector.fromArray(F, s, i).mul(factor).intoArray(s, i);
  }

  /// Applies an activation in place to `[from, to)`, up to a whole vector.
  ///
  /// Each loop passes no vector to a method, so its speed does not depend on which other activations have run ([VectorMath]).
  static void activate(Activation activation, float[] s, int from, int to) {
    switch (activation) {
      case NONE -> { }
      case GELU -> VectorMath.gelu(s, from, to);
      case GELU_TANH -> VectorMath.geluTanh(s, from, to);
      case QUICK_GELU -> VectorMath.quickGelu(s, from, to);
      case SILU -> VectorMath.silu(s, from, to);
      case RELU -> relu(s, from, to);
      case TANH -> tanh(s, from, to);
      case SIGMOID -> sigmoid(s, from, to);
      case LOGIT -> logit(s, from, to);
    }
  }

  private static void tanh(float[] s, int from, int to) {
    for (int i = from; i < to; i++) s[i] = (float) Math.tanh(s[i]);
  }

  private static void sigmoid(float[] s, int from, int to) {
    for (int i = from; i < to; i++) s[i] = (float) (1 / (1 + Math.exp(-s[i])));
  }

  private static void logit(float[] s, int from, int to) {
    for (int i = from; i < to; i++) s[i] = ScalarMath.logit(s[i]);
  }

  private static void relu(float[] s, int from, int to) {
    for (int i = from; i < to; i += LANES) FloatVector.fromArray(F, s, i).max(0f).intoArray(s, i);
  }
}
