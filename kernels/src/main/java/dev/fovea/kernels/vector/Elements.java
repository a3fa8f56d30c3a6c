package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.body;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;

import dev.fovea.kernels.Activation;
import java.lang.foreign.MemorySegment;

/// Element-wise operations on a range of floats.
final class Elements {
  private Elements() {}

  /// `out[i] = activation(x[i])` for `i` in `[from, to)`. One loop for each activation keeps the choice out of the loop.
  static void activate(Activation activation, MemorySegment x, MemorySegment out, long from, long to) {
    switch (activation) {
      case NONE -> loop(Activation.NONE, x, out, from, to);
      case GELU -> gelu(x, out, from, to);
      case GELU_TANH -> geluTanh(x, out, from, to);
      case QUICK_GELU -> quickGelu(x, out, from, to);
      case SILU -> silu(x, out, from, to);
      case RELU -> loop(Activation.RELU, x, out, from, to);
    }
  }

  private static void gelu(MemorySegment x, MemorySegment out, long from, long to) {
    loop(Activation.GELU, x, out, from, to);
  }

  private static void geluTanh(MemorySegment x, MemorySegment out, long from, long to) {
    loop(Activation.GELU_TANH, x, out, from, to);
  }

  private static void quickGelu(MemorySegment x, MemorySegment out, long from, long to) {
    loop(Activation.QUICK_GELU, x, out, from, to);
  }

  private static void silu(MemorySegment x, MemorySegment out, long from, long to) {
    loop(Activation.SILU, x, out, from, to);
  }

  private static void loop(Activation activation, MemorySegment x, MemorySegment out, long from, long to) {
    long i = from, end = from + body(to - from);
    for (; i < end; i += LANES) store(VectorMath.activate(activation, load(x, i)), out, i);           // body
    if (i < to) {                                                                                      // tail
      var tail = first(to - i);
      store(VectorMath.activate(activation, load(x, i, tail)), out, i, tail);
    }
  }

  /// `out[i] = a[i] + b[bFrom + i - from]`.
  static void add(MemorySegment a, MemorySegment b, long bFrom, MemorySegment out, long from, long to) {
    long i = from, end = from + body(to - from), shift = bFrom - from;
    for (; i < end; i += LANES) store(load(a, i).add(load(b, i + shift)), out, i);                     // body
    if (i < to) {                                                                                      // tail
      var tail = first(to - i);
      store(load(a, i, tail).add(load(b, i + shift, tail)), out, i, tail);
    }
  }

  /// `out[i] = a[i] · b[bFrom + i - from]`.
  static void multiply(MemorySegment a, MemorySegment b, long bFrom, MemorySegment out, long from, long to) {
    long i = from, end = from + body(to - from), shift = bFrom - from;
    for (; i < end; i += LANES) store(load(a, i).mul(load(b, i + shift)), out, i);                     // body
    if (i < to) {                                                                                      // tail
      var tail = first(to - i);
      store(load(a, i, tail).mul(load(b, i + shift, tail)), out, i, tail);
    }
  }

  /// `out[i] = x[i] · factor`.
  static void scale(MemorySegment x, float factor, MemorySegment out, long from, long to) {
    long i = from, end = from + body(to - from);
    for (; i < end; i += LANES) store(load(x, i).mul(factor), out, i);                                 // body
    if (i < to) {                                                                                      // tail
      var tail = first(to - i);
      store(load(x, i, tail).mul(factor), out, i, tail);
    }
  }
}
