package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.I;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;
import static dev.fovea.kernels.vector.SkinnyMicroKernel.TILE;
import static dev.fovea.kernels.vector.Widening.F16_EXPONENT;
import static dev.fovea.kernels.vector.Widening.F16_MAGNITUDE;
import static dev.fovea.kernels.vector.Widening.F16_TO_F32;
import static dev.fovea.kernels.vector.Widening.F32_EXPONENT;
import static dev.fovea.kernels.vector.Widening.HALF;
import static dev.fovea.kernels.vector.Widening.ODD;
import static dev.fovea.kernels.vector.Widening.Q8_GROUP;
import static dev.fovea.kernels.vector.Widening.Q8_WHOLE;
import static dev.fovea.kernels.vector.Widening.QUARTER;
import static dev.fovea.kernels.vector.Widening.SIGN;
import static jdk.incubator.vector.VectorOperators.B2F;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.OR;
import static jdk.incubator.vector.VectorOperators.S2I;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/// [SkinnyMicroKernel] for one row and a weight that is not float32: a token of a text that a decoder writes. Its weights are
/// decoded in registers; by way of a panel in float32 ([Widening]), each would be stored to and loaded from a near cache once more,
/// which for a single row takes longer than the memory needs to deliver it (`benchmarks/NOTES.md`).
///
/// The sums have the bits of [SkinnyMicroKernel], so each weight is decoded to a float before it is multiplied.
final class RowMicroKernel {
  /// Positions of the four vectors of columns in their panels, of which one or several contain them.
  private static final int A = 0, B = LANES % Weight.PANEL, C = 2 * LANES % Weight.PANEL, D = 3 * LANES % Weight.PANEL;
  /// The same in bytes, where these are read in whole vectors.
  private static final int B_WHOLE = B / QUARTER.length() * QUARTER.length(), D_WHOLE = D / QUARTER.length() * QUARTER.length();
  /// Bytes from one step to the next of numbers of 16 bits, and of 8.
  private static final long SHORTS = 2L * Weight.PANEL, BYTES = Weight.PANEL;

  private static final int LENGTH = WeightFormat.Q8.blockLength();

  private RowMicroKernel() {}

  /// Whether there is a loop for this weight, in panels.
  static boolean suits(Weight weight) {
    return weight.layout() == Weight.Layout.PANELS && weight.format() != WeightFormat.F32;
  }

  /// `out = x · w`, or `out += x · w`, for the columns of two tiles.
  ///
  /// @param x the row at `x0`
  /// @param left the first [MicroKernel#WIDTH] columns, as stored; `right` has the next ones
  /// @param out the first columns at `out0`, the others [SkinnyMicroKernel#TILE] further
  /// @param add whether to add to the contents of `out`
  static void run(WeightFormat format, float[] x, int x0, Panels.Panel left, Panels.Panel right, int steps, float[] out, int out0,
      boolean add) {
    MemorySegment u = left.segment(), v = right.segment();
    long u0 = left.first(), u1 = left.second(), v0 = right.first(), v1 = right.second();
    switch (format) {
      case F16 -> f16(x, x0, u, u0, u1, v, v0, v1, steps, out, out0, add);
      case BF16 -> bf16(x, x0, u, u0, u1, v, v0, v1, steps, out, out0, add);
      case Q8 -> q8(x, x0, u, u0, u1, v, v0, v1, steps, out, out0, add);
      case F32 -> throw new IllegalArgumentException("expected a weight that must be decoded, got " + format);
    }
  }

  private static void f16(float[] x, int x0, MemorySegment u, long u0, long u1, MemorySegment v, long v0, long v1, int steps,
      float[] out, int o, boolean add) {
    Simd.expectPlain(u);
    Simd.expectPlain(v);
    int o2 = o + TILE;
    long pa = u0 + 2 * A, pb = u1 + 2 * B, pc = v0 + 2 * C, pd = v1 + 2 * D;
    FloatVector a = FloatVector.zero(F), b = a, c = a, d = a;
    for (int i = 0; i < steps; i++) {
      FloatVector s = FloatVector.broadcast(F, x[x0 + i]);
      IntVector w = ((IntVector) ShortVector.fromMemorySegment(HALF, u, pa + i * SHORTS, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 13).and(SIGN | F16_MAGNITUDE);
      a = s.fma(w.reinterpretAsFloats().mul(F16_TO_F32).reinterpretAsInts()
          .lanewise(OR, F32_EXPONENT, w.and(F16_EXPONENT).compare(EQ, F16_EXPONENT)).reinterpretAsFloats(), a);
      w = ((IntVector) ShortVector.fromMemorySegment(HALF, u, pb + i * SHORTS, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 13).and(SIGN | F16_MAGNITUDE);
      b = s.fma(w.reinterpretAsFloats().mul(F16_TO_F32).reinterpretAsInts()
          .lanewise(OR, F32_EXPONENT, w.and(F16_EXPONENT).compare(EQ, F16_EXPONENT)).reinterpretAsFloats(), b);
      w = ((IntVector) ShortVector.fromMemorySegment(HALF, v, pc + i * SHORTS, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 13).and(SIGN | F16_MAGNITUDE);
      c = s.fma(w.reinterpretAsFloats().mul(F16_TO_F32).reinterpretAsInts()
          .lanewise(OR, F32_EXPONENT, w.and(F16_EXPONENT).compare(EQ, F16_EXPONENT)).reinterpretAsFloats(), c);
      w = ((IntVector) ShortVector.fromMemorySegment(HALF, v, pd + i * SHORTS, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 13).and(SIGN | F16_MAGNITUDE);
      d = s.fma(w.reinterpretAsFloats().mul(F16_TO_F32).reinterpretAsInts()
          .lanewise(OR, F32_EXPONENT, w.and(F16_EXPONENT).compare(EQ, F16_EXPONENT)).reinterpretAsFloats(), d);
    }
    if (add) {
      a = a.add(FloatVector.fromArray(F, out, o)); b = b.add(FloatVector.fromArray(F, out, o + LANES));
      c = c.add(FloatVector.fromArray(F, out, o2)); d = d.add(FloatVector.fromArray(F, out, o2 + LANES));
    }
    a.intoArray(out, o); b.intoArray(out, o + LANES);
    c.intoArray(out, o2); d.intoArray(out, o2 + LANES);
  }

  private static void bf16(float[] x, int x0, MemorySegment u, long u0, long u1, MemorySegment v, long v0, long v1, int steps,
      float[] out, int o, boolean add) {
    Simd.expectPlain(u);
    Simd.expectPlain(v);
    int o2 = o + TILE;
    long pa = u0 + 2 * A, pb = u1 + 2 * B, pc = v0 + 2 * C, pd = v1 + 2 * D;
    FloatVector a = FloatVector.zero(F), b = a, c = a, d = a;
    for (int i = 0; i < steps; i++) {
      FloatVector s = FloatVector.broadcast(F, x[x0 + i]);
      a = s.fma(((IntVector) ShortVector.fromMemorySegment(HALF, u, pa + i * SHORTS, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 16).reinterpretAsFloats(), a);
      b = s.fma(((IntVector) ShortVector.fromMemorySegment(HALF, u, pb + i * SHORTS, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 16).reinterpretAsFloats(), b);
      c = s.fma(((IntVector) ShortVector.fromMemorySegment(HALF, v, pc + i * SHORTS, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 16).reinterpretAsFloats(), c);
      d = s.fma(((IntVector) ShortVector.fromMemorySegment(HALF, v, pd + i * SHORTS, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 16).reinterpretAsFloats(), d);
    }
    if (add) {
      a = a.add(FloatVector.fromArray(F, out, o)); b = b.add(FloatVector.fromArray(F, out, o + LANES));
      c = c.add(FloatVector.fromArray(F, out, o2)); d = d.add(FloatVector.fromArray(F, out, o2 + LANES));
    }
    a.intoArray(out, o); b.intoArray(out, o + LANES);
    c.intoArray(out, o2); d.intoArray(out, o2 + LANES);
  }

  private static void q8(float[] x, int x0, MemorySegment u, long u0, long u1, MemorySegment v, long v0, long v1, int steps,
      float[] out, int o, boolean add) {
    Simd.expectPlain(u);
    Simd.expectPlain(v);
    int o2 = o + TILE;
    FloatVector a = FloatVector.zero(F), b = a, c = a, d = a;
    for (int from = 0; from < steps; from += LENGTH, u0 += Q8_GROUP, u1 += Q8_GROUP, v0 += Q8_GROUP, v1 += Q8_GROUP) {
      // scales
      IntVector w = ((IntVector) ShortVector.fromMemorySegment(HALF, u, u0 + 2 * A, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 13).and(SIGN | F16_MAGNITUDE);
      FloatVector sa = w.reinterpretAsFloats().mul(F16_TO_F32).reinterpretAsInts()
          .lanewise(OR, F32_EXPONENT, w.and(F16_EXPONENT).compare(EQ, F16_EXPONENT)).reinterpretAsFloats();
      w = ((IntVector) ShortVector.fromMemorySegment(HALF, u, u1 + 2 * B, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 13).and(SIGN | F16_MAGNITUDE);
      FloatVector sb = w.reinterpretAsFloats().mul(F16_TO_F32).reinterpretAsInts()
          .lanewise(OR, F32_EXPONENT, w.and(F16_EXPONENT).compare(EQ, F16_EXPONENT)).reinterpretAsFloats();
      w = ((IntVector) ShortVector.fromMemorySegment(HALF, v, v0 + 2 * C, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 13).and(SIGN | F16_MAGNITUDE);
      FloatVector sc = w.reinterpretAsFloats().mul(F16_TO_F32).reinterpretAsInts()
          .lanewise(OR, F32_EXPONENT, w.and(F16_EXPONENT).compare(EQ, F16_EXPONENT)).reinterpretAsFloats();
      w = ((IntVector) ShortVector.fromMemorySegment(HALF, v, v1 + 2 * D, ORDER).convertShape(S2I, I, 0))
          .lanewise(LSHL, 13).and(SIGN | F16_MAGNITUDE);
      FloatVector sd = w.reinterpretAsFloats().mul(F16_TO_F32).reinterpretAsInts()
          .lanewise(OR, F32_EXPONENT, w.and(F16_EXPONENT).compare(EQ, F16_EXPONENT)).reinterpretAsFloats();
      // integers
      long pa = u0 + Q8_WHOLE + A, pb = u1 + Q8_WHOLE + B_WHOLE, pc = v0 + Q8_WHOLE + C, pd = v1 + Q8_WHOLE + D_WHOLE;
      int n = Math.min(LENGTH, steps - from), at = x0 + from;
      for (int i = 0; i < n; i++) {
        FloatVector s = FloatVector.broadcast(F, x[at + i]);
        a = s.fma(((FloatVector) ByteVector.fromMemorySegment(QUARTER, u, pa + i * BYTES, ORDER).convertShape(B2F, F, 0)).mul(sa),
            a);
        b = s.fma(((FloatVector) ByteVector.fromMemorySegment(QUARTER, u, pb + i * BYTES, ORDER).convertShape(B2F, F, ODD)).mul(sb),
            b);
        c = s.fma(((FloatVector) ByteVector.fromMemorySegment(QUARTER, v, pc + i * BYTES, ORDER).convertShape(B2F, F, 0)).mul(sc),
            c);
        d = s.fma(((FloatVector) ByteVector.fromMemorySegment(QUARTER, v, pd + i * BYTES, ORDER).convertShape(B2F, F, ODD)).mul(sd),
            d);
      }
    }
    if (add) {
      a = a.add(FloatVector.fromArray(F, out, o)); b = b.add(FloatVector.fromArray(F, out, o + LANES));
      c = c.add(FloatVector.fromArray(F, out, o2)); d = d.add(FloatVector.fromArray(F, out, o2 + LANES));
    }
    a.intoArray(out, o); b.intoArray(out, o + LANES);
    c.intoArray(out, o2); d.intoArray(out, o2 + LANES);
  }
}
