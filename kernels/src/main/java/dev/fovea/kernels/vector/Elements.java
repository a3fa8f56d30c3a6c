package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;
import static dev.fovea.kernels.vector.Simd.body;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;

import dev.fovea.kernels.Activation;
import java.lang.foreign.MemorySegment;

/// Element-wise operations on a range of floats.
final class Elements {
  private Elements() {}

  /// `out[i] = activation(x[i])` for `i` in `[from, to)`.
  ///
  /// Each activation has a loop of its own. In one loop for all, C2 would inline whichever have been met, run out of nodes
  /// and leave the rest as calls that box their vectors (`benchmarks/NOTES.md`). For the same reason a loop handles its
  /// tail itself, so that the arithmetic stands in it once, and stores without a helper method.
  static void activate(Activation activation, MemorySegment x, MemorySegment out, long from, long to) {
    switch (activation) {
      case NONE -> MemorySegment.copy(x, 4 * from, out, 4 * from, 4 * (to - from));
      case GELU -> gelu(x, out, from, to);
      case GELU_TANH -> geluTanh(x, out, from, to);
      case QUICK_GELU -> quickGelu(x, out, from, to);
      case SILU -> silu(x, out, from, to);
      case RELU -> relu(x, out, from, to);
    }
  }

  private static void gelu(MemorySegment x, MemorySegment out, long from, long to) {
    for (long i = from; i < to; i += LANES) {
      boolean whole = to - i >= LANES;
      var y = VectorMath.gelu(whole ? load(x, i) : load(x, i, first(to - i)));
      if (whole) y.intoMemorySegment(out, i * 4, ORDER);
      else y.intoMemorySegment(out, i * 4, ORDER, F.indexInRange(0, to - i));
    }
  }

  private static void geluTanh(MemorySegment x, MemorySegment out, long from, long to) {
    for (long i = from; i < to; i += LANES) {
      boolean whole = to - i >= LANES;
      var y = VectorMath.geluTanh(whole ? load(x, i) : load(x, i, first(to - i)));
      if (whole) y.intoMemorySegment(out, i * 4, ORDER);
      else y.intoMemorySegment(out, i * 4, ORDER, F.indexInRange(0, to - i));
    }
  }

  private static void quickGelu(MemorySegment x, MemorySegment out, long from, long to) {
    for (long i = from; i < to; i += LANES) {
      boolean whole = to - i >= LANES;
      var y = VectorMath.quickGelu(whole ? load(x, i) : load(x, i, first(to - i)));
      if (whole) y.intoMemorySegment(out, i * 4, ORDER);
      else y.intoMemorySegment(out, i * 4, ORDER, F.indexInRange(0, to - i));
    }
  }

  private static void silu(MemorySegment x, MemorySegment out, long from, long to) {
    for (long i = from; i < to; i += LANES) {
      boolean whole = to - i >= LANES;
      var y = VectorMath.silu(whole ? load(x, i) : load(x, i, first(to - i)));
      if (whole) y.intoMemorySegment(out, i * 4, ORDER);
      else y.intoMemorySegment(out, i * 4, ORDER, F.indexInRange(0, to - i));
    }
  }

  private static void relu(MemorySegment x, MemorySegment out, long from, long to) {
    for (long i = from; i < to; i += LANES) {
      boolean whole = to - i >= LANES;
      var y = (whole ? load(x, i) : load(x, i, first(to - i))).max(0f);
      if (whole) y.intoMemorySegment(out, i * 4, ORDER);
      else y.intoMemorySegment(out, i * 4, ORDER, F.indexInRange(0, to - i));
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
