package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.FEW_REGISTERS;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;

import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/// The innermost loop of every product: `rows × 2` vectors of sums, each in a local variable, so that C2 keeps them in registers.
///
/// A step reads two vectors of `w` and one float of each row of `x`. Fourteen rows need 28 sums, 2 vectors of `w` and one
/// broadcast: 31 of the 32 registers of AVX-512 and NEON. Six rows need 15 of AVX2's 16. Kernels of thirteen and five rows
/// complement them, so that rows divide into tiles without a thin remainder: 197 = 2 × 14 + 13 × 13 = 32 × 6 + 5.
///
/// With five or six rows, a step is only ten or twelve multiply-adds, and loop counting, bounds checks and prefetch took longer
/// than they. So these kernels unroll four steps, which is a third faster at 256 bit. The form of the loop matters. With
/// `i + 4 <= steps`, C2 leaves a bounds check before each vector of `w`; with a limit computed before the loop, it removes the
/// checks, but computes the limits of eight of them before each loop, and moves the loads of all four steps together.
///
/// C2 orders the instructions between two branches as it likes, and prefers loads. Six rows allow no more than two broadcasts at a
/// time, so branches that are never taken divide their steps: `i` is below [#MAX_STEPS], and each branch tests a higher bit of its
/// own, or C2 would merge them. They are in the loop for the last steps too: a sum that is stored and loaded there is stored and
/// loaded everywhere, at half the speed.
///
/// The rows of `x` lie [#STRIDE] floats apart. This must be a constant: one register then addresses all rows, and C2 checks the
/// bounds once for the loop. Measured at 512 bit against the machine's FMA peak (`benchmarks/NOTES.md`): constant stride 99 %, `x`
/// interleaved as in GotoBLAS 97 %, stride in a variable 52 %.
///
/// Most important, the loops call no helper methods: beyond 18,000 nodes, which a kernel of 14 rows exceeds, C2 inlines only the
/// JDK's own methods annotated for forced inlining. A vector passed to a method that is not inlined is boxed, at a fortieth of the
/// speed. For the same reason `x` and the sums are heap arrays, whose accesses need few nodes; only `w` is in native memory.
final class MicroKernel {
  /// Floats from one row of `x` to the next. Not a power of two, so that rows do not compete for the same cache sets.
  static final int STRIDE = 784;
  /// Most steps in a row of `x`; longer products are split. Each part begins with lines that no cache fetched ahead and ends with
  /// sums that are stored, so few parts are faster; short partial sums keep rounding errors small.
  static final int MAX_STEPS = 768;
  /// Columns of a tile.
  static final int WIDTH = 2 * LANES;
  /// Rows of the largest tile that fits in registers.
  static final int MAX_ROWS = FEW_REGISTERS ? 6 : 14;

  /// Bytes from one step to the next.
  private static final long STEP = 4L * Weight.PANEL;
  /// Whether both vectors of a step are always adjacent, [#SECOND] bytes apart.
  private static final boolean IN_ONE_PANEL = WIDTH <= Weight.PANEL;
  private static final long SECOND = IN_ONE_PANEL ? 4L * LANES : 0;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  private MicroKernel() {}

  /// The smallest tile with at least `rows` rows.
  static int height(int rows) {
    return rows <= 2 ? rows : rows <= 5 ? 5 : FEW_REGISTERS ? 6 : rows <= 13 ? 13 : 14;
  }

  /// `out = x · w`, or `out += x · w`.
  ///
  /// Positions count floats, except the bytes of `fetch0`. Step `i` reads `WIDTH` columns of `w`, which is in panels: a vector at
  /// `w0 + i · PANEL` and one at `w1 + i · PANEL`. If a panel contains both, `w1` is `w0 + LANES`.
  ///
  /// @param height rows of the tile: 14, 13, 6, 5, 2 or 1
  /// @param x row `r` at `x0 + r · STRIDE`
  /// @param out row `r` at `out0 + r · outStride`
  /// @param add whether to add to the contents of `out`
  /// @param fetch0 prefetch position: every step `i`, or one in four, also reads the bytes of `w` at `fetch0 + i · fetchStep`. They
  ///     belong to `w`, because the loop was a third slower with two kinds of memory, one of them mapped
  /// @return the sum of the prefetched numbers, so that C2 keeps the reads
  static int run(int height, float[] x, int x0, MemorySegment w, long w0, long w1, int steps,
      float[] out, int out0, int outStride, boolean add, long fetch0, long fetchStep) {
    long wa = w0 * 4, wb = w1 * 4;
    return switch (height) {
      case 14 -> rows14(x, x0, w, wa, wb, steps, out, out0, outStride, add, fetch0, fetchStep);
      case 13 -> rows13(x, x0, w, wa, wb, steps, out, out0, outStride, add, fetch0, fetchStep);
      case 6 -> rows6(x, x0, w, wa, wb, steps, out, out0, outStride, add, fetch0, fetchStep);
      case 5 -> rows5(x, x0, w, wa, wb, steps, out, out0, outStride, add, fetch0, fetchStep);
      case 2 -> rows2(x, x0, w, wa, wb, steps, out, out0, outStride, add, fetch0, fetchStep);
      case 1 -> rows1(x, x0, w, wa, wb, steps, out, out0, outStride, add, fetch0, fetchStep);
      default -> throw new IllegalArgumentException("no tile of " + height + " rows");
    };
  }

  /// The same with only the first vector of each step, for the last columns of a tile. The second vector of each row of `out`, and
  /// the fourteenth row for a tile of thirteen rows, are unchanged or undefined.
  static void runFirst(int height, float[] x, int x0, MemorySegment w, long w0, int steps, float[] out, int out0, int outStride,
      boolean add) {
    if (height >= 13) rows14First(x, x0, w, w0 * 4, steps, out, out0, outStride, add);
    else run(height, x, x0, w, w0, w0, steps, out, out0, outStride, add, w0 * 4, 0);
  }

  private static int rows14(float[] x, int x0, MemorySegment w, long wa, long wb, int steps,
      float[] out, int o, int os, boolean add, long fa, long fs) {
    int touched = 0;
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero,
        a4 = zero, b4 = zero, a5 = zero, b5 = zero, a6 = zero, b6 = zero, a7 = zero, b7 = zero,
        a8 = zero, b8 = zero, a9 = zero, b9 = zero, a10 = zero, b10 = zero, a11 = zero, b11 = zero,
        a12 = zero, b12 = zero, a13 = zero, b13 = zero;
    for (int i = 0; i < steps; i++) {
      touched += w.get(INT, fa + i * fs);
      FloatVector u = FloatVector.fromMemorySegment(F, w, wa + i * STEP, ORDER);
      FloatVector v = FloatVector.fromMemorySegment(F, w, wb + i * STEP, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + STRIDE]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = FloatVector.broadcast(F, x[x0 + i + 2 * STRIDE]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + 3 * STRIDE]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = FloatVector.broadcast(F, x[x0 + i + 4 * STRIDE]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = FloatVector.broadcast(F, x[x0 + i + 5 * STRIDE]); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
      s = FloatVector.broadcast(F, x[x0 + i + 6 * STRIDE]); a6 = s.fma(u, a6); b6 = s.fma(v, b6);
      s = FloatVector.broadcast(F, x[x0 + i + 7 * STRIDE]); a7 = s.fma(u, a7); b7 = s.fma(v, b7);
      s = FloatVector.broadcast(F, x[x0 + i + 8 * STRIDE]); a8 = s.fma(u, a8); b8 = s.fma(v, b8);
      s = FloatVector.broadcast(F, x[x0 + i + 9 * STRIDE]); a9 = s.fma(u, a9); b9 = s.fma(v, b9);
      s = FloatVector.broadcast(F, x[x0 + i + 10 * STRIDE]); a10 = s.fma(u, a10); b10 = s.fma(v, b10);
      s = FloatVector.broadcast(F, x[x0 + i + 11 * STRIDE]); a11 = s.fma(u, a11); b11 = s.fma(v, b11);
      s = FloatVector.broadcast(F, x[x0 + i + 12 * STRIDE]); a12 = s.fma(u, a12); b12 = s.fma(v, b12);
      s = FloatVector.broadcast(F, x[x0 + i + 13 * STRIDE]); a13 = s.fma(u, a13); b13 = s.fma(v, b13);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o)); b0 = b0.add(FloatVector.fromArray(F, out, o + LANES));
      a1 = a1.add(FloatVector.fromArray(F, out, o + os)); b1 = b1.add(FloatVector.fromArray(F, out, o + os + LANES));
      a2 = a2.add(FloatVector.fromArray(F, out, o + 2 * os)); b2 = b2.add(FloatVector.fromArray(F, out, o + 2 * os + LANES));
      a3 = a3.add(FloatVector.fromArray(F, out, o + 3 * os)); b3 = b3.add(FloatVector.fromArray(F, out, o + 3 * os + LANES));
      a4 = a4.add(FloatVector.fromArray(F, out, o + 4 * os)); b4 = b4.add(FloatVector.fromArray(F, out, o + 4 * os + LANES));
      a5 = a5.add(FloatVector.fromArray(F, out, o + 5 * os)); b5 = b5.add(FloatVector.fromArray(F, out, o + 5 * os + LANES));
      a6 = a6.add(FloatVector.fromArray(F, out, o + 6 * os)); b6 = b6.add(FloatVector.fromArray(F, out, o + 6 * os + LANES));
      a7 = a7.add(FloatVector.fromArray(F, out, o + 7 * os)); b7 = b7.add(FloatVector.fromArray(F, out, o + 7 * os + LANES));
      a8 = a8.add(FloatVector.fromArray(F, out, o + 8 * os)); b8 = b8.add(FloatVector.fromArray(F, out, o + 8 * os + LANES));
      a9 = a9.add(FloatVector.fromArray(F, out, o + 9 * os)); b9 = b9.add(FloatVector.fromArray(F, out, o + 9 * os + LANES));
      a10 = a10.add(FloatVector.fromArray(F, out, o + 10 * os));
      b10 = b10.add(FloatVector.fromArray(F, out, o + 10 * os + LANES));
      a11 = a11.add(FloatVector.fromArray(F, out, o + 11 * os));
      b11 = b11.add(FloatVector.fromArray(F, out, o + 11 * os + LANES));
      a12 = a12.add(FloatVector.fromArray(F, out, o + 12 * os));
      b12 = b12.add(FloatVector.fromArray(F, out, o + 12 * os + LANES));
      a13 = a13.add(FloatVector.fromArray(F, out, o + 13 * os));
      b13 = b13.add(FloatVector.fromArray(F, out, o + 13 * os + LANES));
    }
    a0.intoArray(out, o); b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + os); b1.intoArray(out, o + os + LANES);
    a2.intoArray(out, o + 2 * os); b2.intoArray(out, o + 2 * os + LANES);
    a3.intoArray(out, o + 3 * os); b3.intoArray(out, o + 3 * os + LANES);
    a4.intoArray(out, o + 4 * os); b4.intoArray(out, o + 4 * os + LANES);
    a5.intoArray(out, o + 5 * os); b5.intoArray(out, o + 5 * os + LANES);
    a6.intoArray(out, o + 6 * os); b6.intoArray(out, o + 6 * os + LANES);
    a7.intoArray(out, o + 7 * os); b7.intoArray(out, o + 7 * os + LANES);
    a8.intoArray(out, o + 8 * os); b8.intoArray(out, o + 8 * os + LANES);
    a9.intoArray(out, o + 9 * os); b9.intoArray(out, o + 9 * os + LANES);
    a10.intoArray(out, o + 10 * os); b10.intoArray(out, o + 10 * os + LANES);
    a11.intoArray(out, o + 11 * os); b11.intoArray(out, o + 11 * os + LANES);
    a12.intoArray(out, o + 12 * os); b12.intoArray(out, o + 12 * os + LANES);
    a13.intoArray(out, o + 13 * os); b13.intoArray(out, o + 13 * os + LANES);
    return touched;
  }

  private static int rows13(float[] x, int x0, MemorySegment w, long wa, long wb, int steps,
      float[] out, int o, int os, boolean add, long fa, long fs) {
    int touched = 0;
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero,
        a4 = zero, b4 = zero, a5 = zero, b5 = zero, a6 = zero, b6 = zero, a7 = zero, b7 = zero,
        a8 = zero, b8 = zero, a9 = zero, b9 = zero, a10 = zero, b10 = zero, a11 = zero, b11 = zero,
        a12 = zero, b12 = zero;
    for (int i = 0; i < steps; i++) {
      touched += w.get(INT, fa + i * fs);
      FloatVector u = FloatVector.fromMemorySegment(F, w, wa + i * STEP, ORDER);
      FloatVector v = FloatVector.fromMemorySegment(F, w, wb + i * STEP, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + STRIDE]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = FloatVector.broadcast(F, x[x0 + i + 2 * STRIDE]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + 3 * STRIDE]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = FloatVector.broadcast(F, x[x0 + i + 4 * STRIDE]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = FloatVector.broadcast(F, x[x0 + i + 5 * STRIDE]); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
      s = FloatVector.broadcast(F, x[x0 + i + 6 * STRIDE]); a6 = s.fma(u, a6); b6 = s.fma(v, b6);
      s = FloatVector.broadcast(F, x[x0 + i + 7 * STRIDE]); a7 = s.fma(u, a7); b7 = s.fma(v, b7);
      s = FloatVector.broadcast(F, x[x0 + i + 8 * STRIDE]); a8 = s.fma(u, a8); b8 = s.fma(v, b8);
      s = FloatVector.broadcast(F, x[x0 + i + 9 * STRIDE]); a9 = s.fma(u, a9); b9 = s.fma(v, b9);
      s = FloatVector.broadcast(F, x[x0 + i + 10 * STRIDE]); a10 = s.fma(u, a10); b10 = s.fma(v, b10);
      s = FloatVector.broadcast(F, x[x0 + i + 11 * STRIDE]); a11 = s.fma(u, a11); b11 = s.fma(v, b11);
      s = FloatVector.broadcast(F, x[x0 + i + 12 * STRIDE]); a12 = s.fma(u, a12); b12 = s.fma(v, b12);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o)); b0 = b0.add(FloatVector.fromArray(F, out, o + LANES));
      a1 = a1.add(FloatVector.fromArray(F, out, o + os)); b1 = b1.add(FloatVector.fromArray(F, out, o + os + LANES));
      a2 = a2.add(FloatVector.fromArray(F, out, o + 2 * os)); b2 = b2.add(FloatVector.fromArray(F, out, o + 2 * os + LANES));
      a3 = a3.add(FloatVector.fromArray(F, out, o + 3 * os)); b3 = b3.add(FloatVector.fromArray(F, out, o + 3 * os + LANES));
      a4 = a4.add(FloatVector.fromArray(F, out, o + 4 * os)); b4 = b4.add(FloatVector.fromArray(F, out, o + 4 * os + LANES));
      a5 = a5.add(FloatVector.fromArray(F, out, o + 5 * os)); b5 = b5.add(FloatVector.fromArray(F, out, o + 5 * os + LANES));
      a6 = a6.add(FloatVector.fromArray(F, out, o + 6 * os)); b6 = b6.add(FloatVector.fromArray(F, out, o + 6 * os + LANES));
      a7 = a7.add(FloatVector.fromArray(F, out, o + 7 * os)); b7 = b7.add(FloatVector.fromArray(F, out, o + 7 * os + LANES));
      a8 = a8.add(FloatVector.fromArray(F, out, o + 8 * os)); b8 = b8.add(FloatVector.fromArray(F, out, o + 8 * os + LANES));
      a9 = a9.add(FloatVector.fromArray(F, out, o + 9 * os)); b9 = b9.add(FloatVector.fromArray(F, out, o + 9 * os + LANES));
      a10 = a10.add(FloatVector.fromArray(F, out, o + 10 * os));
      b10 = b10.add(FloatVector.fromArray(F, out, o + 10 * os + LANES));
      a11 = a11.add(FloatVector.fromArray(F, out, o + 11 * os));
      b11 = b11.add(FloatVector.fromArray(F, out, o + 11 * os + LANES));
      a12 = a12.add(FloatVector.fromArray(F, out, o + 12 * os));
      b12 = b12.add(FloatVector.fromArray(F, out, o + 12 * os + LANES));
    }
    a0.intoArray(out, o); b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + os); b1.intoArray(out, o + os + LANES);
    a2.intoArray(out, o + 2 * os); b2.intoArray(out, o + 2 * os + LANES);
    a3.intoArray(out, o + 3 * os); b3.intoArray(out, o + 3 * os + LANES);
    a4.intoArray(out, o + 4 * os); b4.intoArray(out, o + 4 * os + LANES);
    a5.intoArray(out, o + 5 * os); b5.intoArray(out, o + 5 * os + LANES);
    a6.intoArray(out, o + 6 * os); b6.intoArray(out, o + 6 * os + LANES);
    a7.intoArray(out, o + 7 * os); b7.intoArray(out, o + 7 * os + LANES);
    a8.intoArray(out, o + 8 * os); b8.intoArray(out, o + 8 * os + LANES);
    a9.intoArray(out, o + 9 * os); b9.intoArray(out, o + 9 * os + LANES);
    a10.intoArray(out, o + 10 * os); b10.intoArray(out, o + 10 * os + LANES);
    a11.intoArray(out, o + 11 * os); b11.intoArray(out, o + 11 * os + LANES);
    a12.intoArray(out, o + 12 * os); b12.intoArray(out, o + 12 * os + LANES);
    return touched;
  }

  private static void rows14First(float[] x, int x0, MemorySegment w, long wa, int steps, float[] out, int o, int os, boolean add) {
    Simd.expectPlain(w);
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero, a8 = zero, a9 = zero,
        a10 = zero, a11 = zero, a12 = zero, a13 = zero;
    for (int i = 0; i < steps; i++) {
      FloatVector u = FloatVector.fromMemorySegment(F, w, wa + i * STEP, ORDER);
      a0 = u.fma(FloatVector.broadcast(F, x[x0 + i]), a0);
      a1 = u.fma(FloatVector.broadcast(F, x[x0 + i + STRIDE]), a1);
      a2 = u.fma(FloatVector.broadcast(F, x[x0 + i + 2 * STRIDE]), a2);
      a3 = u.fma(FloatVector.broadcast(F, x[x0 + i + 3 * STRIDE]), a3);
      a4 = u.fma(FloatVector.broadcast(F, x[x0 + i + 4 * STRIDE]), a4);
      a5 = u.fma(FloatVector.broadcast(F, x[x0 + i + 5 * STRIDE]), a5);
      a6 = u.fma(FloatVector.broadcast(F, x[x0 + i + 6 * STRIDE]), a6);
      a7 = u.fma(FloatVector.broadcast(F, x[x0 + i + 7 * STRIDE]), a7);
      a8 = u.fma(FloatVector.broadcast(F, x[x0 + i + 8 * STRIDE]), a8);
      a9 = u.fma(FloatVector.broadcast(F, x[x0 + i + 9 * STRIDE]), a9);
      a10 = u.fma(FloatVector.broadcast(F, x[x0 + i + 10 * STRIDE]), a10);
      a11 = u.fma(FloatVector.broadcast(F, x[x0 + i + 11 * STRIDE]), a11);
      a12 = u.fma(FloatVector.broadcast(F, x[x0 + i + 12 * STRIDE]), a12);
      a13 = u.fma(FloatVector.broadcast(F, x[x0 + i + 13 * STRIDE]), a13);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o));
      a1 = a1.add(FloatVector.fromArray(F, out, o + os));
      a2 = a2.add(FloatVector.fromArray(F, out, o + 2 * os));
      a3 = a3.add(FloatVector.fromArray(F, out, o + 3 * os));
      a4 = a4.add(FloatVector.fromArray(F, out, o + 4 * os));
      a5 = a5.add(FloatVector.fromArray(F, out, o + 5 * os));
      a6 = a6.add(FloatVector.fromArray(F, out, o + 6 * os));
      a7 = a7.add(FloatVector.fromArray(F, out, o + 7 * os));
      a8 = a8.add(FloatVector.fromArray(F, out, o + 8 * os));
      a9 = a9.add(FloatVector.fromArray(F, out, o + 9 * os));
      a10 = a10.add(FloatVector.fromArray(F, out, o + 10 * os));
      a11 = a11.add(FloatVector.fromArray(F, out, o + 11 * os));
      a12 = a12.add(FloatVector.fromArray(F, out, o + 12 * os));
      a13 = a13.add(FloatVector.fromArray(F, out, o + 13 * os));
    }
    a0.intoArray(out, o);
    a1.intoArray(out, o + os);
    a2.intoArray(out, o + 2 * os);
    a3.intoArray(out, o + 3 * os);
    a4.intoArray(out, o + 4 * os);
    a5.intoArray(out, o + 5 * os);
    a6.intoArray(out, o + 6 * os);
    a7.intoArray(out, o + 7 * os);
    a8.intoArray(out, o + 8 * os);
    a9.intoArray(out, o + 9 * os);
    a10.intoArray(out, o + 10 * os);
    a11.intoArray(out, o + 11 * os);
    a12.intoArray(out, o + 12 * os);
    a13.intoArray(out, o + 13 * os);
  }

  private static int rows6(float[] x, int x0, MemorySegment w, long wa, long wb, int steps,
      float[] out, int o, int os, boolean add, long fa, long fs) {
    int touched = 0, i = 0;
    long wc = IN_ONE_PANEL ? wa : wb;
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero, a4 = zero,
        b4 = zero, a5 = zero, b5 = zero;
    for (; i + 4 <= steps; i += 4) {
      touched += w.get(INT, fa + i * fs);
      FloatVector u = FloatVector.fromMemorySegment(F, w, wa + i * STEP, ORDER);
      FloatVector v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + SECOND, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + STRIDE]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      if ((i & 1 << 30) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + 2 * STRIDE]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + 3 * STRIDE]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      if ((i & 1 << 29) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + 4 * STRIDE]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = FloatVector.broadcast(F, x[x0 + i + 5 * STRIDE]); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
      u = FloatVector.fromMemorySegment(F, w, wa + i * STEP + STEP, ORDER);
      v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + (STEP + SECOND), ORDER);
      s = FloatVector.broadcast(F, x[x0 + i + 1]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + (STRIDE + 1)]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      if ((i & 1 << 28) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + (2 * STRIDE + 1)]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + (3 * STRIDE + 1)]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      if ((i & 1 << 27) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + (4 * STRIDE + 1)]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = FloatVector.broadcast(F, x[x0 + i + (5 * STRIDE + 1)]); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
      u = FloatVector.fromMemorySegment(F, w, wa + i * STEP + 2 * STEP, ORDER);
      v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + (2 * STEP + SECOND), ORDER);
      s = FloatVector.broadcast(F, x[x0 + i + 2]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + (STRIDE + 2)]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      if ((i & 1 << 26) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + (2 * STRIDE + 2)]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + (3 * STRIDE + 2)]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      if ((i & 1 << 25) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + (4 * STRIDE + 2)]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = FloatVector.broadcast(F, x[x0 + i + (5 * STRIDE + 2)]); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
      u = FloatVector.fromMemorySegment(F, w, wa + i * STEP + 3 * STEP, ORDER);
      v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + (3 * STEP + SECOND), ORDER);
      s = FloatVector.broadcast(F, x[x0 + i + 3]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + (STRIDE + 3)]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      if ((i & 1 << 24) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + (2 * STRIDE + 3)]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + (3 * STRIDE + 3)]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      if ((i & 1 << 23) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + (4 * STRIDE + 3)]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = FloatVector.broadcast(F, x[x0 + i + (5 * STRIDE + 3)]); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
    }
    for (; i < steps; i++) {
      FloatVector u = FloatVector.fromMemorySegment(F, w, wa + i * STEP, ORDER);
      FloatVector v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + SECOND, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + STRIDE]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      if ((i & 1 << 22) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + 2 * STRIDE]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + 3 * STRIDE]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      if ((i & 1 << 21) != 0) break;
      s = FloatVector.broadcast(F, x[x0 + i + 4 * STRIDE]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      s = FloatVector.broadcast(F, x[x0 + i + 5 * STRIDE]); a5 = s.fma(u, a5); b5 = s.fma(v, b5);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o)); b0 = b0.add(FloatVector.fromArray(F, out, o + LANES));
      a1 = a1.add(FloatVector.fromArray(F, out, o + os)); b1 = b1.add(FloatVector.fromArray(F, out, o + os + LANES));
      a2 = a2.add(FloatVector.fromArray(F, out, o + 2 * os)); b2 = b2.add(FloatVector.fromArray(F, out, o + 2 * os + LANES));
      a3 = a3.add(FloatVector.fromArray(F, out, o + 3 * os)); b3 = b3.add(FloatVector.fromArray(F, out, o + 3 * os + LANES));
      a4 = a4.add(FloatVector.fromArray(F, out, o + 4 * os)); b4 = b4.add(FloatVector.fromArray(F, out, o + 4 * os + LANES));
      a5 = a5.add(FloatVector.fromArray(F, out, o + 5 * os)); b5 = b5.add(FloatVector.fromArray(F, out, o + 5 * os + LANES));
    }
    a0.intoArray(out, o); b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + os); b1.intoArray(out, o + os + LANES);
    a2.intoArray(out, o + 2 * os); b2.intoArray(out, o + 2 * os + LANES);
    a3.intoArray(out, o + 3 * os); b3.intoArray(out, o + 3 * os + LANES);
    a4.intoArray(out, o + 4 * os); b4.intoArray(out, o + 4 * os + LANES);
    a5.intoArray(out, o + 5 * os); b5.intoArray(out, o + 5 * os + LANES);
    return touched;
  }

  private static int rows5(float[] x, int x0, MemorySegment w, long wa, long wb, int steps,
      float[] out, int o, int os, boolean add, long fa, long fs) {
    int touched = 0, i = 0;
    long wc = IN_ONE_PANEL ? wa : wb;
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero, a4 = zero,
        b4 = zero;
    for (; i + 4 <= steps; i += 4) {
      FloatVector u = FloatVector.fromMemorySegment(F, w, wa + i * STEP, ORDER);
      FloatVector v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + SECOND, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + STRIDE]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = FloatVector.broadcast(F, x[x0 + i + 2 * STRIDE]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + 3 * STRIDE]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = FloatVector.broadcast(F, x[x0 + i + 4 * STRIDE]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      u = FloatVector.fromMemorySegment(F, w, wa + i * STEP + STEP, ORDER);
      v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + (STEP + SECOND), ORDER);
      s = FloatVector.broadcast(F, x[x0 + i + 1]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + (STRIDE + 1)]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = FloatVector.broadcast(F, x[x0 + i + (2 * STRIDE + 1)]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + (3 * STRIDE + 1)]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = FloatVector.broadcast(F, x[x0 + i + (4 * STRIDE + 1)]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      touched += w.get(INT, fa + i * fs);
      u = FloatVector.fromMemorySegment(F, w, wa + i * STEP + 2 * STEP, ORDER);
      v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + (2 * STEP + SECOND), ORDER);
      s = FloatVector.broadcast(F, x[x0 + i + 2]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + (STRIDE + 2)]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = FloatVector.broadcast(F, x[x0 + i + (2 * STRIDE + 2)]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + (3 * STRIDE + 2)]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = FloatVector.broadcast(F, x[x0 + i + (4 * STRIDE + 2)]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
      u = FloatVector.fromMemorySegment(F, w, wa + i * STEP + 3 * STEP, ORDER);
      v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + (3 * STEP + SECOND), ORDER);
      s = FloatVector.broadcast(F, x[x0 + i + 3]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + (STRIDE + 3)]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = FloatVector.broadcast(F, x[x0 + i + (2 * STRIDE + 3)]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + (3 * STRIDE + 3)]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = FloatVector.broadcast(F, x[x0 + i + (4 * STRIDE + 3)]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
    }
    for (; i < steps; i++) {
      FloatVector u = FloatVector.fromMemorySegment(F, w, wa + i * STEP, ORDER);
      FloatVector v = FloatVector.fromMemorySegment(F, w, wc + i * STEP + SECOND, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + STRIDE]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
      s = FloatVector.broadcast(F, x[x0 + i + 2 * STRIDE]); a2 = s.fma(u, a2); b2 = s.fma(v, b2);
      s = FloatVector.broadcast(F, x[x0 + i + 3 * STRIDE]); a3 = s.fma(u, a3); b3 = s.fma(v, b3);
      s = FloatVector.broadcast(F, x[x0 + i + 4 * STRIDE]); a4 = s.fma(u, a4); b4 = s.fma(v, b4);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o)); b0 = b0.add(FloatVector.fromArray(F, out, o + LANES));
      a1 = a1.add(FloatVector.fromArray(F, out, o + os)); b1 = b1.add(FloatVector.fromArray(F, out, o + os + LANES));
      a2 = a2.add(FloatVector.fromArray(F, out, o + 2 * os)); b2 = b2.add(FloatVector.fromArray(F, out, o + 2 * os + LANES));
      a3 = a3.add(FloatVector.fromArray(F, out, o + 3 * os)); b3 = b3.add(FloatVector.fromArray(F, out, o + 3 * os + LANES));
      a4 = a4.add(FloatVector.fromArray(F, out, o + 4 * os)); b4 = b4.add(FloatVector.fromArray(F, out, o + 4 * os + LANES));
    }
    a0.intoArray(out, o); b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + os); b1.intoArray(out, o + os + LANES);
    a2.intoArray(out, o + 2 * os); b2.intoArray(out, o + 2 * os + LANES);
    a3.intoArray(out, o + 3 * os); b3.intoArray(out, o + 3 * os + LANES);
    a4.intoArray(out, o + 4 * os); b4.intoArray(out, o + 4 * os + LANES);
    return touched;
  }

  private static int rows2(float[] x, int x0, MemorySegment w, long wa, long wb, int steps,
      float[] out, int o, int os, boolean add, long fa, long fs) {
    int touched = 0;
    FloatVector a0 = FloatVector.zero(F), b0 = FloatVector.zero(F), a1 = FloatVector.zero(F),
        b1 = FloatVector.zero(F);
    for (int i = 0; i < steps; i++) {
      touched += w.get(INT, fa + i * fs);
      FloatVector u = FloatVector.fromMemorySegment(F, w, wa + i * STEP, ORDER);
      FloatVector v = FloatVector.fromMemorySegment(F, w, wb + i * STEP, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
      s = FloatVector.broadcast(F, x[x0 + i + STRIDE]); a1 = s.fma(u, a1); b1 = s.fma(v, b1);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o)); b0 = b0.add(FloatVector.fromArray(F, out, o + LANES));
      a1 = a1.add(FloatVector.fromArray(F, out, o + os)); b1 = b1.add(FloatVector.fromArray(F, out, o + os + LANES));
    }
    a0.intoArray(out, o); b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + os); b1.intoArray(out, o + os + LANES);
    return touched;
  }

  private static int rows1(float[] x, int x0, MemorySegment w, long wa, long wb, int steps,
      float[] out, int o, int os, boolean add, long fa, long fs) {
    int touched = 0;
    FloatVector a0 = FloatVector.zero(F), b0 = FloatVector.zero(F);
    for (int i = 0; i < steps; i++) {
      touched += w.get(INT, fa + i * fs);
      FloatVector u = FloatVector.fromMemorySegment(F, w, wa + i * STEP, ORDER);
      FloatVector v = FloatVector.fromMemorySegment(F, w, wb + i * STEP, ORDER), s;
      s = FloatVector.broadcast(F, x[x0 + i]); a0 = s.fma(u, a0); b0 = s.fma(v, b0);
    }
    if (add) {
      a0 = a0.add(FloatVector.fromArray(F, out, o)); b0 = b0.add(FloatVector.fromArray(F, out, o + LANES));
    }
    a0.intoArray(out, o); b0.intoArray(out, o + LANES);
    return touched;
  }
}
