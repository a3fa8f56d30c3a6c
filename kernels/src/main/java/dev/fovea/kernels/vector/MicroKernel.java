package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.FLOAT;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// The innermost loop of every product: `rows × 2` vectors of sums, each in a local variable, so that C2 keeps each in a
/// register.
///
/// A step reads two vectors of `w` and one float of each row of `x`. Fourteen rows need 28 sums, 2 vectors of `w` and one
/// broadcast: 31 of the 32 registers of AVX-512 and NEON. Six rows need 15 of AVX2's 16. The row above the largest exists
/// once less, so that any number of rows can be cut without a thin rest: 197 = 2 × 14 + 13 × 13.
///
/// The rows of `x` lie [#STRIDE] floats apart. That this is a constant matters: one register then addresses all of them,
/// and C2 proves the bounds once for the loop. Measured at 512 bit against the machine's FMA peak (`benchmarks/NOTES.md`):
/// constant stride 99 %, `x` interleaved as in GotoBLAS 97 %, stride in a variable 52 %.
final class MicroKernel {
  /// Floats from one row of `x` to the next. No power of two, so that rows do not compete for the same cache sets.
  static final int STRIDE = 528;
  /// Steps that fit in a row of `x`; longer products are cut. Partial sums this short also keep rounding errors small.
  static final int MAX_STEPS = 512;
  /// Columns of a tile.
  static final int WIDTH = 2 * LANES;
  /// Rows of the largest tile: what the registers hold. Vectors of 128 bit are taken for NEON's, of 256 bit for AVX2's.
  static final int MAX_ROWS = LANES == 8 ? 6 : 14;

  private static final long ROW = 4L * STRIDE;

  private MicroKernel() {}

  /// The smallest tile with at least `rows` rows.
  static int height(int rows) {
    return rows <= 2 ? rows : rows <= 5 ? 5 : rows == 6 ? 6 : rows <= 13 ? 13 : 14;
  }

  /// `out = x · w`, or `out += x · w` for the later pieces of a longer product.
  ///
  /// Positions count floats. Step `i` reads `WIDTH` columns of `w`: a vector at `w0 + i · wStep` and one at `w1 + i · wStep`.
  ///
  /// @param height rows of the tile: 14, 13, 6, 5, 2 or 1
  /// @param x row `r` at `x0 + r · STRIDE`
  /// @param out row `r` at `out0 + r · outStride`
  static void run(int height, MemorySegment x, long x0, MemorySegment w, long w0, long w1, long wStep, int steps,
      MemorySegment out, long out0, long outStride, boolean add) {
    long xa = x0 * 4, wa = w0 * 4, wb = w1 * 4, ws = wStep * 4, o = out0 * 4, os = outStride * 4;
    switch (height) {
      case 14 -> rows14(x, xa, w, wa, wb, ws, steps, out, o, os, add);
      case 13 -> rows13(x, xa, w, wa, wb, ws, steps, out, o, os, add);
      case 6 -> rows6(x, xa, w, wa, wb, ws, steps, out, o, os, add);
      case 5 -> rows5(x, xa, w, wa, wb, ws, steps, out, o, os, add);
      case 2 -> rows2(x, xa, w, wa, wb, ws, steps, out, o, os, add);
      case 1 -> rows1(x, xa, w, wa, wb, ws, steps, out, o, os, add);
      default -> throw new IllegalArgumentException("no tile of " + height + " rows");
    }
  }

  private static FloatVector load(MemorySegment s, long offset) {
    return FloatVector.fromMemorySegment(F, s, offset, ORDER);
  }

  private static FloatVector all(MemorySegment x, long offset) {
    return FloatVector.broadcast(F, x.get(FLOAT, offset));
  }

  private static void store(FloatVector a, FloatVector b, MemorySegment out, long offset, boolean add) {
    if (add) {
      a = a.add(load(out, offset));
      b = b.add(load(out, offset + 4L * LANES));
    }
    a.intoMemorySegment(out, offset, ORDER);
    b.intoMemorySegment(out, offset + 4L * LANES, ORDER);
  }

  private static void rows14(MemorySegment x, long xo, MemorySegment w, long wa, long wb, long ws, int steps,
      MemorySegment out, long o, long os, boolean add) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero,
        a4 = zero, b4 = zero, a5 = zero, b5 = zero, a6 = zero, b6 = zero, a7 = zero, b7 = zero,
        a8 = zero, b8 = zero, a9 = zero, b9 = zero, a10 = zero, b10 = zero, a11 = zero, b11 = zero,
        a12 = zero, b12 = zero, a13 = zero, b13 = zero;
    for (int i = 0; i < steps; i++) {
      FloatVector u = load(w, wa + i * ws), v = load(w, wb + i * ws), s;
      s = all(x, xo + i * 4L); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = all(x, xo + i * 4L + ROW); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = all(x, xo + i * 4L + 2 * ROW); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = all(x, xo + i * 4L + 3 * ROW); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = all(x, xo + i * 4L + 4 * ROW); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = all(x, xo + i * 4L + 5 * ROW); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
      s = all(x, xo + i * 4L + 6 * ROW); a6 = s.fma(u, a6); b6 = s.fma(v, b6);
      s = all(x, xo + i * 4L + 7 * ROW); a7 = s.fma(u, a7); b7 = s.fma(v, b7);
      s = all(x, xo + i * 4L + 8 * ROW); a8 = s.fma(u, a8); b8 = s.fma(v, b8);
      s = all(x, xo + i * 4L + 9 * ROW); a9 = s.fma(u, a9); b9 = s.fma(v, b9);
      s = all(x, xo + i * 4L + 10 * ROW); a10 = s.fma(u, a10); b10 = s.fma(v, b10);
      s = all(x, xo + i * 4L + 11 * ROW); a11 = s.fma(u, a11); b11 = s.fma(v, b11);
      s = all(x, xo + i * 4L + 12 * ROW); a12 = s.fma(u, a12); b12 = s.fma(v, b12);
      s = all(x, xo + i * 4L + 13 * ROW); a13 = s.fma(u, a13); b13 = s.fma(v, b13);
    }
    store(a0, b0, out, o, add);
    store(a1, b1, out, o + os, add);
    store(a2, b2, out, o + 2 * os, add);
    store(a3, b3, out, o + 3 * os, add);
    store(a4, b4, out, o + 4 * os, add);
    store(a5, b5, out, o + 5 * os, add);
    store(a6, b6, out, o + 6 * os, add);
    store(a7, b7, out, o + 7 * os, add);
    store(a8, b8, out, o + 8 * os, add);
    store(a9, b9, out, o + 9 * os, add);
    store(a10, b10, out, o + 10 * os, add);
    store(a11, b11, out, o + 11 * os, add);
    store(a12, b12, out, o + 12 * os, add);
    store(a13, b13, out, o + 13 * os, add);
  }

  private static void rows13(MemorySegment x, long xo, MemorySegment w, long wa, long wb, long ws, int steps,
      MemorySegment out, long o, long os, boolean add) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero,
        a4 = zero, b4 = zero, a5 = zero, b5 = zero, a6 = zero, b6 = zero, a7 = zero, b7 = zero,
        a8 = zero, b8 = zero, a9 = zero, b9 = zero, a10 = zero, b10 = zero, a11 = zero, b11 = zero,
        a12 = zero, b12 = zero;
    for (int i = 0; i < steps; i++) {
      FloatVector u = load(w, wa + i * ws), v = load(w, wb + i * ws), s;
      s = all(x, xo + i * 4L); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = all(x, xo + i * 4L + ROW); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = all(x, xo + i * 4L + 2 * ROW); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = all(x, xo + i * 4L + 3 * ROW); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = all(x, xo + i * 4L + 4 * ROW); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = all(x, xo + i * 4L + 5 * ROW); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
      s = all(x, xo + i * 4L + 6 * ROW); a6 = s.fma(u, a6); b6 = s.fma(v, b6);
      s = all(x, xo + i * 4L + 7 * ROW); a7 = s.fma(u, a7); b7 = s.fma(v, b7);
      s = all(x, xo + i * 4L + 8 * ROW); a8 = s.fma(u, a8); b8 = s.fma(v, b8);
      s = all(x, xo + i * 4L + 9 * ROW); a9 = s.fma(u, a9); b9 = s.fma(v, b9);
      s = all(x, xo + i * 4L + 10 * ROW); a10 = s.fma(u, a10); b10 = s.fma(v, b10);
      s = all(x, xo + i * 4L + 11 * ROW); a11 = s.fma(u, a11); b11 = s.fma(v, b11);
      s = all(x, xo + i * 4L + 12 * ROW); a12 = s.fma(u, a12); b12 = s.fma(v, b12);
    }
    store(a0, b0, out, o, add);
    store(a1, b1, out, o + os, add);
    store(a2, b2, out, o + 2 * os, add);
    store(a3, b3, out, o + 3 * os, add);
    store(a4, b4, out, o + 4 * os, add);
    store(a5, b5, out, o + 5 * os, add);
    store(a6, b6, out, o + 6 * os, add);
    store(a7, b7, out, o + 7 * os, add);
    store(a8, b8, out, o + 8 * os, add);
    store(a9, b9, out, o + 9 * os, add);
    store(a10, b10, out, o + 10 * os, add);
    store(a11, b11, out, o + 11 * os, add);
    store(a12, b12, out, o + 12 * os, add);
  }

  private static void rows6(MemorySegment x, long xo, MemorySegment w, long wa, long wb, long ws, int steps,
      MemorySegment out, long o, long os, boolean add) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero,
        a4 = zero, b4 = zero, a5 = zero, b5 = zero;
    for (int i = 0; i < steps; i++) {
      FloatVector u = load(w, wa + i * ws), v = load(w, wb + i * ws), s;
      s = all(x, xo + i * 4L); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = all(x, xo + i * 4L + ROW); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = all(x, xo + i * 4L + 2 * ROW); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = all(x, xo + i * 4L + 3 * ROW); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = all(x, xo + i * 4L + 4 * ROW); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = all(x, xo + i * 4L + 5 * ROW); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
    }
    store(a0, b0, out, o, add);
    store(a1, b1, out, o + os, add);
    store(a2, b2, out, o + 2 * os, add);
    store(a3, b3, out, o + 3 * os, add);
    store(a4, b4, out, o + 4 * os, add);
    store(a5, b5, out, o + 5 * os, add);
  }

  private static void rows5(MemorySegment x, long xo, MemorySegment w, long wa, long wb, long ws, int steps,
      MemorySegment out, long o, long os, boolean add) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero,
        a4 = zero, b4 = zero;
    for (int i = 0; i < steps; i++) {
      FloatVector u = load(w, wa + i * ws), v = load(w, wb + i * ws), s;
      s = all(x, xo + i * 4L); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = all(x, xo + i * 4L + ROW); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = all(x, xo + i * 4L + 2 * ROW); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = all(x, xo + i * 4L + 3 * ROW); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = all(x, xo + i * 4L + 4 * ROW); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
    }
    store(a0, b0, out, o, add);
    store(a1, b1, out, o + os, add);
    store(a2, b2, out, o + 2 * os, add);
    store(a3, b3, out, o + 3 * os, add);
    store(a4, b4, out, o + 4 * os, add);
  }

  private static void rows2(MemorySegment x, long xo, MemorySegment w, long wa, long wb, long ws, int steps,
      MemorySegment out, long o, long os, boolean add) {
    FloatVector a0 = FloatVector.zero(F), b0 = FloatVector.zero(F), a1 = FloatVector.zero(F), b1 = FloatVector.zero(F);
    for (int i = 0; i < steps; i++) {
      FloatVector u = load(w, wa + i * ws), v = load(w, wb + i * ws), s;
      s = all(x, xo + i * 4L); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = all(x, xo + i * 4L + ROW); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
    }
    store(a0, b0, out, o, add);
    store(a1, b1, out, o + os, add);
  }

  private static void rows1(MemorySegment x, long xo, MemorySegment w, long wa, long wb, long ws, int steps,
      MemorySegment out, long o, long os, boolean add) {
    FloatVector a0 = FloatVector.zero(F), b0 = FloatVector.zero(F);
    for (int i = 0; i < steps; i++) {
      FloatVector u = load(w, wa + i * ws), v = load(w, wb + i * ws), s;
      s = all(x, xo + i * 4L); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
    }
    store(a0, b0, out, o, add);
  }
}
