package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.MAX_ROWS;
import static dev.fovea.kernels.vector.MicroKernel.STRIDE;
import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.FEW_REGISTERS;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;

import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// [MicroKernel] for few rows: up to six rows by four vectors, in two adjacent tiles.
///
/// Memory bandwidth limits few rows, and a processor reads memory faster in several streams: three to five rows take a fifth less
/// time with four panels than with two (`benchmarks/NOTES.md`). Six rows need 24 sums, 4 vectors of weights and a broadcast.
/// [MicroKernel] explains the unrolled form and the stride of `x`.
final class SkinnyMicroKernel {
  /// Rows of the largest tile. AVX2's registers hold little more than the sums of one row of four vectors.
  static final int MAX_HEIGHT = FEW_REGISTERS ? 1 : 6;
  /// Floats of a tile of sums; the second tile follows the first.
  static final int TILE = MAX_ROWS * WIDTH;

  private static final long STEP = 4L * Weight.PANEL;

  private SkinnyMicroKernel() {}

  /// The smallest tile with at least `rows` rows.
  static int height(int rows) {
    return rows == 1 ? 1 : rows <= 4 ? 4 : 6;
  }

  /// `out = x · w`, or `out += x · w`, for the columns of two tiles.
  ///
  /// @param height rows of the tile: 6, 4 or 1
  /// @param x row `r` at `x0 + r · STRIDE`
  /// @param left the first [MicroKernel#WIDTH] columns; `right` has the next ones
  /// @param out row `r` of the first columns at `out0 + r · WIDTH`, of the others [#TILE] further
  /// @param add whether to add to the contents of `out`
  static void run(int height, float[] x, int x0, Panels.Panel left, Panels.Panel right, int steps, float[] out, int out0,
      boolean add) {
    MemorySegment u = left.segment(), v = right.segment();
    long u0 = left.first() * 4, u1 = left.second() * 4, v0 = right.first() * 4, v1 = right.second() * 4;
    switch (height) {
      case 6 -> rows6(x, x0, u, u0, u1, v, v0, v1, steps, out, out0, add);
      case 4 -> rows4(x, x0, u, u0, u1, v, v0, v1, steps, out, out0, add);
      case 1 -> rows1(x, x0, u, u0, u1, v, v0, v1, steps, out, out0, add);
      default -> throw new IllegalArgumentException("no tile of " + height + " rows");
    }
  }

  private static void rows6(float[] x, int x0, MemorySegment u, long u0, long u1, MemorySegment v, long v0, long v1, int steps,
      float[] out, int o, boolean add) {
    Simd.expectPlain(u);
    Simd.expectPlain(v);
    int o2 = o + TILE;
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, c0 = zero, d0 = zero, a1 = zero, b1 = zero, c1 = zero, d1 = zero, a2 = zero, b2 = zero,
        c2 = zero, d2 = zero, a3 = zero, b3 = zero, c3 = zero, d3 = zero, a4 = zero, b4 = zero, c4 = zero, d4 = zero, a5 = zero,
        b5 = zero, c5 = zero, d5 = zero;
    for (int i = 0; i < steps; i++) {
      FloatVector a = FloatVector.fromMemorySegment(F, u, u0 + i * STEP, ORDER);
      FloatVector b = FloatVector.fromMemorySegment(F, u, u1 + i * STEP, ORDER);
      FloatVector c = FloatVector.fromMemorySegment(F, v, v0 + i * STEP, ORDER);
      FloatVector d = FloatVector.fromMemorySegment(F, v, v1 + i * STEP, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]);
      a0 = s.fma(a, a0); b0 = s.fma(b, b0); c0 = s.fma(c, c0); d0 = s.fma(d, d0);
      s = FloatVector.broadcast(F, x[x0 + i + STRIDE]);
      a1 = s.fma(a, a1); b1 = s.fma(b, b1); c1 = s.fma(c, c1); d1 = s.fma(d, d1);
      s = FloatVector.broadcast(F, x[x0 + i + 2 * STRIDE]);
      a2 = s.fma(a, a2); b2 = s.fma(b, b2); c2 = s.fma(c, c2); d2 = s.fma(d, d2);
      s = FloatVector.broadcast(F, x[x0 + i + 3 * STRIDE]);
      a3 = s.fma(a, a3); b3 = s.fma(b, b3); c3 = s.fma(c, c3); d3 = s.fma(d, d3);
      s = FloatVector.broadcast(F, x[x0 + i + 4 * STRIDE]);
      a4 = s.fma(a, a4); b4 = s.fma(b, b4); c4 = s.fma(c, c4); d4 = s.fma(d, d4);
      s = FloatVector.broadcast(F, x[x0 + i + 5 * STRIDE]);
      a5 = s.fma(a, a5); b5 = s.fma(b, b5); c5 = s.fma(c, c5); d5 = s.fma(d, d5);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o)); b0 = b0.add(FloatVector.fromArray(F, out, o + LANES));
      c0 = c0.add(FloatVector.fromArray(F, out, o2)); d0 = d0.add(FloatVector.fromArray(F, out, o2 + LANES));
      a1 = a1.add(FloatVector.fromArray(F, out, o + WIDTH)); b1 = b1.add(FloatVector.fromArray(F, out, o + WIDTH + LANES));
      c1 = c1.add(FloatVector.fromArray(F, out, o2 + WIDTH));
      d1 = d1.add(FloatVector.fromArray(F, out, o2 + WIDTH + LANES));
      a2 = a2.add(FloatVector.fromArray(F, out, o + 2 * WIDTH)); b2 = b2.add(FloatVector.fromArray(F, out, o + 2 * WIDTH + LANES));
      c2 = c2.add(FloatVector.fromArray(F, out, o2 + 2 * WIDTH));
      d2 = d2.add(FloatVector.fromArray(F, out, o2 + 2 * WIDTH + LANES));
      a3 = a3.add(FloatVector.fromArray(F, out, o + 3 * WIDTH)); b3 = b3.add(FloatVector.fromArray(F, out, o + 3 * WIDTH + LANES));
      c3 = c3.add(FloatVector.fromArray(F, out, o2 + 3 * WIDTH));
      d3 = d3.add(FloatVector.fromArray(F, out, o2 + 3 * WIDTH + LANES));
      a4 = a4.add(FloatVector.fromArray(F, out, o + 4 * WIDTH)); b4 = b4.add(FloatVector.fromArray(F, out, o + 4 * WIDTH + LANES));
      c4 = c4.add(FloatVector.fromArray(F, out, o2 + 4 * WIDTH));
      d4 = d4.add(FloatVector.fromArray(F, out, o2 + 4 * WIDTH + LANES));
      a5 = a5.add(FloatVector.fromArray(F, out, o + 5 * WIDTH)); b5 = b5.add(FloatVector.fromArray(F, out, o + 5 * WIDTH + LANES));
      c5 = c5.add(FloatVector.fromArray(F, out, o2 + 5 * WIDTH));
      d5 = d5.add(FloatVector.fromArray(F, out, o2 + 5 * WIDTH + LANES));
    }
    a0.intoArray(out, o); b0.intoArray(out, o + LANES);
    c0.intoArray(out, o2); d0.intoArray(out, o2 + LANES);
    a1.intoArray(out, o + WIDTH); b1.intoArray(out, o + WIDTH + LANES);
    c1.intoArray(out, o2 + WIDTH); d1.intoArray(out, o2 + WIDTH + LANES);
    a2.intoArray(out, o + 2 * WIDTH); b2.intoArray(out, o + 2 * WIDTH + LANES);
    c2.intoArray(out, o2 + 2 * WIDTH); d2.intoArray(out, o2 + 2 * WIDTH + LANES);
    a3.intoArray(out, o + 3 * WIDTH); b3.intoArray(out, o + 3 * WIDTH + LANES);
    c3.intoArray(out, o2 + 3 * WIDTH); d3.intoArray(out, o2 + 3 * WIDTH + LANES);
    a4.intoArray(out, o + 4 * WIDTH); b4.intoArray(out, o + 4 * WIDTH + LANES);
    c4.intoArray(out, o2 + 4 * WIDTH); d4.intoArray(out, o2 + 4 * WIDTH + LANES);
    a5.intoArray(out, o + 5 * WIDTH); b5.intoArray(out, o + 5 * WIDTH + LANES);
    c5.intoArray(out, o2 + 5 * WIDTH); d5.intoArray(out, o2 + 5 * WIDTH + LANES);
  }

  private static void rows4(float[] x, int x0, MemorySegment u, long u0, long u1, MemorySegment v, long v0, long v1, int steps,
      float[] out, int o, boolean add) {
    Simd.expectPlain(u);
    Simd.expectPlain(v);
    int o2 = o + TILE;
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, c0 = zero, d0 = zero, a1 = zero, b1 = zero, c1 = zero, d1 = zero, a2 = zero, b2 = zero,
        c2 = zero, d2 = zero, a3 = zero, b3 = zero, c3 = zero, d3 = zero;
    for (int i = 0; i < steps; i++) {
      FloatVector a = FloatVector.fromMemorySegment(F, u, u0 + i * STEP, ORDER);
      FloatVector b = FloatVector.fromMemorySegment(F, u, u1 + i * STEP, ORDER);
      FloatVector c = FloatVector.fromMemorySegment(F, v, v0 + i * STEP, ORDER);
      FloatVector d = FloatVector.fromMemorySegment(F, v, v1 + i * STEP, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]);
      a0 = s.fma(a, a0); b0 = s.fma(b, b0); c0 = s.fma(c, c0); d0 = s.fma(d, d0);
      s = FloatVector.broadcast(F, x[x0 + i + STRIDE]);
      a1 = s.fma(a, a1); b1 = s.fma(b, b1); c1 = s.fma(c, c1); d1 = s.fma(d, d1);
      s = FloatVector.broadcast(F, x[x0 + i + 2 * STRIDE]);
      a2 = s.fma(a, a2); b2 = s.fma(b, b2); c2 = s.fma(c, c2); d2 = s.fma(d, d2);
      s = FloatVector.broadcast(F, x[x0 + i + 3 * STRIDE]);
      a3 = s.fma(a, a3); b3 = s.fma(b, b3); c3 = s.fma(c, c3); d3 = s.fma(d, d3);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o)); b0 = b0.add(FloatVector.fromArray(F, out, o + LANES));
      c0 = c0.add(FloatVector.fromArray(F, out, o2)); d0 = d0.add(FloatVector.fromArray(F, out, o2 + LANES));
      a1 = a1.add(FloatVector.fromArray(F, out, o + WIDTH)); b1 = b1.add(FloatVector.fromArray(F, out, o + WIDTH + LANES));
      c1 = c1.add(FloatVector.fromArray(F, out, o2 + WIDTH));
      d1 = d1.add(FloatVector.fromArray(F, out, o2 + WIDTH + LANES));
      a2 = a2.add(FloatVector.fromArray(F, out, o + 2 * WIDTH)); b2 = b2.add(FloatVector.fromArray(F, out, o + 2 * WIDTH + LANES));
      c2 = c2.add(FloatVector.fromArray(F, out, o2 + 2 * WIDTH));
      d2 = d2.add(FloatVector.fromArray(F, out, o2 + 2 * WIDTH + LANES));
      a3 = a3.add(FloatVector.fromArray(F, out, o + 3 * WIDTH)); b3 = b3.add(FloatVector.fromArray(F, out, o + 3 * WIDTH + LANES));
      c3 = c3.add(FloatVector.fromArray(F, out, o2 + 3 * WIDTH));
      d3 = d3.add(FloatVector.fromArray(F, out, o2 + 3 * WIDTH + LANES));
    }
    a0.intoArray(out, o); b0.intoArray(out, o + LANES);
    c0.intoArray(out, o2); d0.intoArray(out, o2 + LANES);
    a1.intoArray(out, o + WIDTH); b1.intoArray(out, o + WIDTH + LANES);
    c1.intoArray(out, o2 + WIDTH); d1.intoArray(out, o2 + WIDTH + LANES);
    a2.intoArray(out, o + 2 * WIDTH); b2.intoArray(out, o + 2 * WIDTH + LANES);
    c2.intoArray(out, o2 + 2 * WIDTH); d2.intoArray(out, o2 + 2 * WIDTH + LANES);
    a3.intoArray(out, o + 3 * WIDTH); b3.intoArray(out, o + 3 * WIDTH + LANES);
    c3.intoArray(out, o2 + 3 * WIDTH); d3.intoArray(out, o2 + 3 * WIDTH + LANES);
  }

  private static void rows1(float[] x, int x0, MemorySegment u, long u0, long u1, MemorySegment v, long v0, long v1, int steps,
      float[] out, int o, boolean add) {
    Simd.expectPlain(u);
    Simd.expectPlain(v);
    int o2 = o + TILE;
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, c0 = zero, d0 = zero;
    for (int i = 0; i < steps; i++) {
      FloatVector a = FloatVector.fromMemorySegment(F, u, u0 + i * STEP, ORDER);
      FloatVector b = FloatVector.fromMemorySegment(F, u, u1 + i * STEP, ORDER);
      FloatVector c = FloatVector.fromMemorySegment(F, v, v0 + i * STEP, ORDER);
      FloatVector d = FloatVector.fromMemorySegment(F, v, v1 + i * STEP, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]);
      a0 = s.fma(a, a0); b0 = s.fma(b, b0); c0 = s.fma(c, c0); d0 = s.fma(d, d0);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o)); b0 = b0.add(FloatVector.fromArray(F, out, o + LANES));
      c0 = c0.add(FloatVector.fromArray(F, out, o2)); d0 = d0.add(FloatVector.fromArray(F, out, o2 + LANES));
    }
    a0.intoArray(out, o); b0.intoArray(out, o + LANES);
    c0.intoArray(out, o2); d0.intoArray(out, o2 + LANES);
  }
}
