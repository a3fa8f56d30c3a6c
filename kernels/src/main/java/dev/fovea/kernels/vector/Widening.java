package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.I;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Decodes panels of a weight to float32, with a separate loop for each [WeightFormat] and the same bits as [WeightFormat#decode].
///
/// The format is selected once per piece of a panel, of hundreds of steps, never within a loop.
final class Widening {
  /// Shorts with as many lanes as a vector has floats.
  static final VectorSpecies<Short> HALF =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, Simd.F.vectorBitSize() / 2)));

  /// Bytes with at least as many lanes; 64 bits are the fewest of a vector.
  static final VectorSpecies<Byte> QUARTER =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, Simd.F.vectorBitSize() / 4)));
  /// Which part of such bytes an odd vector of columns is: floats of 128 bit are the second half of eight bytes.
  static final int ODD = QUARTER.length() / LANES - 1;
  /// Bytes of a group of a panel's blocks, and where its integers begin.
  static final long Q8_GROUP = (long) Weight.PANEL * WeightFormat.Q8.blockBytes(), Q8_WHOLE = (long) Weight.PANEL * Short.BYTES;

  static final int SIGN = 1 << 31;
  static final int F16_MAGNITUDE = 0x7fff << 13, F16_EXPONENT = 0x7c00 << 13, F32_EXPONENT = 0xff << 23;
  static final float F16_TO_F32 = 0x1p112f;

  private static final long STEP = 4L * Weight.PANEL;

  private Widening() {}

  /// Decodes `steps` steps of a panel to `[steps][PANEL]`.
  ///
  /// @param at byte offset of the first block in `from`, which is plain memory
  /// @param to byte offset of the result in `floats`
  static void panel(WeightFormat format, MemorySegment from, long at, int steps, MemorySegment floats, long to) {
    int n = steps * Weight.PANEL;
    switch (format) {
      case F32 -> MemorySegment.copy(from, at, floats, to, Float.BYTES * (long) n);
      case F16 -> f16(from, at, n, floats, to);
      case BF16 -> bf16(from, at, n, floats, to);
      case Q8 -> q8(from, at, steps, floats, to);
    }
  }

  private static void f16(MemorySegment shorts, long at, int n, MemorySegment floats, long to) {
    Simd.expectPlain(shorts);
    Simd.expectPlain(floats);
    for (int i = 0; i < n; i += LANES) {
      var bits = (IntVector) ShortVector.fromMemorySegment(HALF, shorts, at + 2L * i, ORDER)
          .convertShape(VectorOperators.S2I, I, 0);
      // Moves sign, exponent and mantissa to their positions; a multiplication by a power of two then corrects the exponent bias
      // exactly, also for subnormal numbers. Infinity and NaN need the largest exponent instead.
      var placed = bits.lanewise(VectorOperators.LSHL, 13).and(SIGN | F16_MAGNITUDE);
      var special = placed.and(F16_EXPONENT).compare(VectorOperators.EQ, F16_EXPONENT);
      var value = placed.reinterpretAsFloats().mul(F16_TO_F32);
      value.reinterpretAsInts().lanewise(VectorOperators.OR, F32_EXPONENT, special).reinterpretAsFloats()
          .intoMemorySegment(floats, to + 4L * i, ORDER);
    }
  }

  private static void bf16(MemorySegment shorts, long at, int n, MemorySegment floats, long to) {
    Simd.expectPlain(shorts);
    Simd.expectPlain(floats);
    for (int i = 0; i < n; i += LANES) {
      var bits = (IntVector) ShortVector.fromMemorySegment(HALF, shorts, at + 2L * i, ORDER)
          .convertShape(VectorOperators.S2I, I, 0);
      bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoMemorySegment(floats, to + 4L * i, ORDER);
    }
  }

  /// One vector of columns of a block after the other, so that their scales stay in a register.
  private static void q8(MemorySegment blocks, long at, int steps, MemorySegment floats, long to) {
    int length = WeightFormat.Q8.blockLength();
    for (int step = 0; step < steps; step += length, at += Q8_GROUP)
      for (int lane = 0; lane < Weight.PANEL; lane += LANES)
        q8(blocks, at, lane, Math.min(length, steps - step), floats, to + STEP * step + 4L * lane);
  }

  private static void q8(MemorySegment blocks, long group, int lane, int steps, MemorySegment floats, long to) {
    Simd.expectPlain(blocks);
    Simd.expectPlain(floats);
    var half = ((IntVector) ShortVector.fromMemorySegment(HALF, blocks, group + 2L * lane, ORDER)
        .convertShape(VectorOperators.S2I, I, 0)).lanewise(VectorOperators.LSHL, 13).and(SIGN | F16_MAGNITUDE);
    var scale = half.reinterpretAsFloats().mul(F16_TO_F32).reinterpretAsInts().lanewise(VectorOperators.OR, F32_EXPONENT,
        half.and(F16_EXPONENT).compare(VectorOperators.EQ, F16_EXPONENT)).reinterpretAsFloats();
    long at = group + Q8_WHOLE + lane / QUARTER.length() * QUARTER.length();
    if (lane % QUARTER.length() == 0)
      for (int i = 0; i < steps; i++)
        ((FloatVector) ByteVector.fromMemorySegment(QUARTER, blocks, at + (long) i * Weight.PANEL, ORDER)
            .convertShape(VectorOperators.B2F, F, 0)).mul(scale).intoMemorySegment(floats, to + i * STEP, ORDER);
    else
      for (int i = 0; i < steps; i++)
        ((FloatVector) ByteVector.fromMemorySegment(QUARTER, blocks, at + (long) i * Weight.PANEL, ORDER)
            .convertShape(VectorOperators.B2F, F, ODD)).mul(scale).intoMemorySegment(floats, to + i * STEP, ORDER);
  }
}
