package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.I;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;
import static dev.fovea.kernels.vector.Simd.all;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Puts columns of a right operand side by side, `[K][WIDTH]`, as [MicroKernel] reads them; columns that do not exist
/// become zeros.
final class Panels {
  /// As many shorts as a vector has floats.
  private static final VectorSpecies<Short> HALF =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, Simd.F.vectorBitSize() / 2)));

  private static final int F16_EXPONENT = 0x7c00 << 13;
  private static final int F16_TO_F32_BIAS = (127 - 15) << 23;
  private static final float SMALLEST_NORMAL_F16 = 0x1p-14f;

  private Panels() {}

  /// Columns of a right operand, ready for [MicroKernel]: in step `i` a vector at float `first + i · step` and one at
  /// `second + i · step`.
  record Panel(MemorySegment segment, long first, long second, long step) {}

  /// Floats of scratch memory that [#of] needs for `steps` steps.
  static long scratch(int steps) {
    return 2L * steps * Math.max(WIDTH, 2 * Weight.PANEL);
  }

  /// Steps `k0 … k1 - 1` of columns `col … col + WIDTH - 1` of `weightᵀ`: where they lie, if that is float32 in panels in
  /// plain memory; else in `scratch`.
  ///
  /// What lies in a mapped file is copied before a vector touches it. Another program may truncate the file; HotSpot turns
  /// the fault of a copy into an exception, and that of a vector load into a crash.
  static Panel of(Weight weight, int col, int k0, int k1, MemorySegment scratch) {
    int steps = k1 - k0;
    if (weight.layout() == Weight.Layout.ROWS) {
      pack(weight, col, k0, steps, scratch);
      return new Panel(scratch, 0, LANES, WIDTH);
    }
    boolean hasSecond = col + LANES < Weight.panels(weight.n()) * Weight.PANEL;
    long first = weight.index(col, k0), second = hasSecond ? weight.index(col + LANES, k0) : first;
    var source = weight.segment();
    if (source.isMapped()) {
      var copy = scratch.asSlice(scratch.byteSize() / 2);
      long length = (long) steps * Weight.PANEL, inPanel = col % Weight.PANEL;
      boolean samePanel = second - first < Weight.PANEL;
      copy(weight, first - inPanel, copy, 0, length);
      if (!samePanel) copy(weight, second, copy, length, length);
      source = copy;
      second = samePanel ? inPanel + second - first : length;
      first = inPanel;
    }
    if (weight.type() == Weight.Type.F32) return new Panel(source, first, second, Weight.PANEL);
    boolean bfloat = weight.type() == Weight.Type.BF16;
    widen(source, first, bfloat, steps, scratch, 0);
    widen(source, second, bfloat, steps, scratch, LANES);
    return new Panel(scratch, 0, LANES, WIDTH);
  }

  private static void copy(Weight weight, long from, MemorySegment to, long at, long length) {
    int bytes = weight.type().bytes();
    MemorySegment.copy(weight.segment(), from * bytes, to, at * bytes, length * bytes);
  }

  /// Transposes rows of a weight that nobody has packed before.
  private static void pack(Weight weight, int col, int k0, int steps, MemorySegment panel) {
    int cols = Math.min(WIDTH, weight.n() - col);
    for (int c = 0; c < WIDTH; c++)
      for (int k = 0; k < steps; k++)
        Simd.put(panel, (long) k * WIDTH + c, c < cols ? weight.get(col + c, k0 + k) : 0);
  }

  /// One vector of columns that are stored in panels of 16-bit floats.
  private static void widen(MemorySegment shorts, long from, boolean bfloat, int steps, MemorySegment panel, int at) {
    for (int k = 0; k < steps; k++) {
      var bits = ShortVector.fromMemorySegment(HALF, shorts, (from + (long) k * Weight.PANEL) * 2, ORDER)
          .convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0).reinterpretAsInts();
      var wide = bfloat ? bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats() : widenF16(bits);
      Simd.store(wide, panel, (long) k * WIDTH + at);
    }
  }

  /// Moves exponent and mantissa into place and corrects the exponent's bias. Subnormals gain the leading one that a
  /// normal number implies and lose it again by a subtraction, so that no slow subnormal float32 ever arises.
  private static FloatVector widenF16(jdk.incubator.vector.IntVector bits) {
    var magnitude = bits.and(0x7fff).lanewise(VectorOperators.LSHL, 13);
    var exponent = magnitude.and(F16_EXPONENT);
    var biased = magnitude.add(F16_TO_F32_BIAS);
    var special = exponent.compare(VectorOperators.EQ, F16_EXPONENT);
    var subnormal = exponent.compare(VectorOperators.EQ, 0);
    var value = biased.add(all((128 - 16) << 23), special).reinterpretAsFloats();
    var renormalized = biased.add(1 << 23).reinterpretAsFloats().sub(SMALLEST_NORMAL_F16);
    value = value.blend(renormalized, subnormal.cast(Simd.F));
    return value.reinterpretAsInts().or(bits.and(0x8000).lanewise(VectorOperators.LSHL, 16)).reinterpretAsFloats();
  }

  /// Columns `col … col + WIDTH - 1` of matrix `(o, i)`, at float `to` of `panels`.
  static void fill(Matrices m, int o, int i, int col, MemorySegment panels, long to) {
    int cols = Math.min(WIDTH, m.cols() - col);
    boolean whole = cols == WIDTH && m.colStride() == 1;
    for (int k = 0; k < m.rows(); k++, to += WIDTH) {
      long from = m.index(o, i, k, col);
      if (whole) {
        Simd.store(Simd.load(m.segment(), from), panels, to);
        Simd.store(Simd.load(m.segment(), from + LANES), panels, to + LANES);
      } else {
        for (int c = 0; c < WIDTH; c++)
          Simd.put(panels, to + c, c < cols ? Simd.at(m.segment(), from + c * m.colStride()) : 0);
      }
    }
  }
}
