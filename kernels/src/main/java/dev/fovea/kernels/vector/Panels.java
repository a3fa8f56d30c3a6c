package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Packs columns of a right operand into panels `[K][16]` for [MicroKernel]; missing columns become zeros.
final class Panels {
  /// Floats of scratch for a transposition.
  static final int ROOM = WIDTH * BlockTranspose.STRIDE;
  /// The smallest number of columns that is a multiple of tiles and panels.
  private static final int WHOLE = Math.max(WIDTH, Weight.PANEL);

  private Panels() {}

  /// The columns of a tile of a right operand: in step `i`, a vector at float `first + i · PANEL` and one at `second + i · PANEL`,
  /// unless it is [#stored].
  /// Each scratch reuses one such object, so that a product allocates none.
  static final class Panel {
    private MemorySegment segment = MemorySegment.NULL;
    private long first, second;

    private Panel set(MemorySegment segment, long first, long second) {
      this.segment = segment;
      this.first = first;
      this.second = second;
      return this;
    }

    MemorySegment segment() {
      return segment;
    }

    long first() {
      return first;
    }

    long second() {
      return second;
    }
  }

  /// Floats of panels of `cols` columns, including the padding to whole tiles.
  static long size(int cols, int steps) {
    return (long) Math.ceilDiv(cols, WHOLE) * WHOLE * steps;
  }

  /// Position of column `col` in panels of `steps` steps, in floats.
  static long position(int col, int steps) {
    return ((long) col / Weight.PANEL * steps) * Weight.PANEL + col % Weight.PANEL;
  }

  /// Floats of scratch memory of [#of] for `steps` steps.
  static long scratch(WeightFormat format, int steps) {
    return 2L * format.blocks(steps) * format.blockLength() * Math.max(WIDTH, 2 * Weight.PANEL);
  }

  /// Steps `k0 … k1 - 1` of columns `col … col + WIDTH - 1` of `weightᵀ`: in place if the weight is float32 in panels in plain
  /// memory, else a copy in `space`.
  ///
  /// Data of a mapped file is copied before a vector reads it. Another program may truncate the file; HotSpot turns the fault of a
  /// copy into an exception, and that of a vector load into a crash.
  ///
  /// @param k0 start of a block of the weight's format
  /// @return the panel object of `space`
  static Panel of(Weight weight, int col, int k0, int k1, ScratchPool.Scratch space) {
    var scratch = space.segment();
    var panel = space.panel();
    int steps = k1 - k0;
    if (weight.layout() == Weight.Layout.ROWS) {
      pack(weight, col, k0, steps, scratch);
      return panel.set(scratch, 0, position(LANES, steps));
    }
    int inPanel = col % Weight.PANEL, beside = inPanel + LANES < Weight.PANEL ? LANES : 0;
    boolean two = beside == 0 && col + LANES < Weight.panels(weight.n()) * Weight.PANEL;
    var source = weight.segment();
    long first = weight.offset(col, k0), second = two ? weight.offset(col + LANES, k0) : first;
    if (source.isMapped()) {
      var copy = scratch.asSlice(scratch.byteSize() / 2);
      long bytes = weight.format().bytes(Weight.PANEL, steps);
      MemorySegment.copy(source, first, copy, 0, bytes);
      if (two) MemorySegment.copy(source, second, copy, bytes, bytes);
      source = copy;
      first = 0;
      second = two ? bytes : 0;
    }
    if (weight.format() != WeightFormat.F32) {
      long size = Float.BYTES * (long) steps * Weight.PANEL;
      Widening.panel(weight.format(), source, first, steps, scratch, 0);
      if (two) Widening.panel(weight.format(), source, second, steps, scratch, size);
      source = scratch;
      first = 0;
      second = two ? size : 0;
    }
    return panel.set(source, first / Float.BYTES + inPanel, second / Float.BYTES + inPanel + beside);
  }

  /// The panels of the same columns as they are stored, in plain memory: the panel's positions are the bytes of the groups of
  /// blocks that contain the two vectors in the first step.
  static Panel stored(Weight weight, int col, int k0, int k1, ScratchPool.Scratch space) {
    boolean two = col % Weight.PANEL + LANES >= Weight.PANEL && col + LANES < Weight.panels(weight.n()) * Weight.PANEL;
    var source = weight.segment();
    long first = weight.offset(col, k0), second = two ? weight.offset(col + LANES, k0) : first;
    if (!source.isMapped()) return space.panel().set(source, first, second);
    long bytes = weight.format().bytes(Weight.PANEL, k1 - k0);
    MemorySegment.copy(source, first, space.segment(), 0, bytes);
    if (two) MemorySegment.copy(source, second, space.segment(), bytes, bytes);
    return space.panel().set(space.segment(), 0, two ? bytes : 0);
  }

  /// Packs a weight in row layout.
  private static void pack(Weight weight, int col, int k0, int steps, MemorySegment panel) {
    int cols = Math.min(WIDTH, weight.n() - col);
    for (int c = 0; c < WIDTH; c++)
      for (int k = 0; k < steps; k++)
        Simd.put(panel, position(c, steps) + (long) k * Weight.PANEL, c < cols ? weight.get(col + c, k0 + k) : 0);
  }

  /// Packs columns `col … col + WIDTH - 1` of the first `rows` rows of matrix `(o, i)`: their first vector to float `first` of
  /// `panels`, their second to `second`.
  ///
  /// @param room [#ROOM] floats for a transposition
  static void fill(Matrices m, int rows, int o, int i, int col, MemorySegment panels, long first, long second, float[] room) {
    int cols = Math.min(WIDTH, m.cols() - col);
    if (m.colStride() == 1 && cols == WIDTH) copy(m, rows, o, i, col, panels, first, second);
    else if (m.colStride() == 1) copyFirst(m, rows, o, i, col, cols, panels, first, second);
    else if (m.rowStride() == 1) transpose(m, rows, o, i, col, cols, panels, first, second, room);
    else
      for (int k = 0; k < rows; k++)
        for (int c = 0; c < WIDTH; c++)
          Simd.put(panels, (c < LANES ? first + c : second + c - LANES) + (long) k * Weight.PANEL,
              c < cols ? Simd.at(m.segment(), m.index(o, i, k, col + c)) : 0);
  }

  private static void copy(Matrices m, int rows, int o, int i, int col, MemorySegment panels, long first, long second) {
    var x = m.segment();
    Simd.expectPlain(x);
    Simd.expectPlain(panels);
    for (int k = 0; k < rows; k++) {
      long from = 4 * m.index(o, i, k, col), step = 4L * k * Weight.PANEL;
      FloatVector.fromMemorySegment(F, x, from, ORDER).intoMemorySegment(panels, 4 * first + step, ORDER);
      FloatVector.fromMemorySegment(F, x, from + 4 * LANES, ORDER).intoMemorySegment(panels, 4 * second + step, ORDER);
    }
  }

  /// The same with only `cols` columns left.
  private static void copyFirst(Matrices m, int rows, int o, int i, int col, int cols, MemorySegment panels, long first,
      long second) {
    VectorMask<Float> some = Simd.first(Math.min(cols, LANES)), more = Simd.first(Math.max(0, cols - LANES));
    for (int k = 0; k < rows; k++) {
      long from = m.index(o, i, k, col), step = (long) k * Weight.PANEL;
      Simd.store(Simd.load(m.segment(), from, some), panels, first + step);
      Simd.store(cols > LANES ? Simd.load(m.segment(), from + LANES, more) : Simd.all(0f), panels, second + step);
    }
  }

  /// Packs columns that are each contiguous: some steps of all of them are copied to rows with a constant stride, so that C2 checks
  /// the bounds once per loop of the transposition.
  private static void transpose(Matrices m, int rows, int o, int i, int col, int cols, MemorySegment panels, long first,
      long second, float[] room) {
    var x = m.segment();
    Simd.expectPlain(x);
    if (cols < WIDTH) Arrays.fill(room, cols * BlockTranspose.STRIDE, WIDTH * BlockTranspose.STRIDE, 0);
    for (int k0 = 0; k0 < rows; k0 += BlockTranspose.STRIDE) {
      int steps = Math.min(BlockTranspose.STRIDE, rows - k0);
      for (int c = 0; c < cols; c++) {
        long from = m.index(o, i, k0, col + c);
        int k = 0, at = c * BlockTranspose.STRIDE;
        for (; k + LANES <= steps; k += LANES) FloatVector.fromMemorySegment(F, x, 4 * (from + k), ORDER).intoArray(room, at + k);
        for (; k < steps; k++) room[at + k] = Simd.at(x, from + k);
      }
      long step = (long) k0 * Weight.PANEL;
      transposed(room, 0, steps, panels, first + step);
      transposed(room, LANES * BlockTranspose.STRIDE, steps, panels, second + step);
    }
  }

  /// Transposes one vector of columns at `from` of `room` and writes it to `to`; overwrites `room`.
  private static void transposed(float[] room, int from, int steps, MemorySegment panels, long to) {
    Simd.expectPlain(panels);
    for (int k = 0; k < steps; k += LANES) {
      BlockTranspose.transpose(room, from + k);
      long at = 4 * (to + (long) k * Weight.PANEL);
      // The constant trip count keeps this a single loop; C2 splits others into three, which costs more than the iterations.
      if (k + LANES <= steps)
        for (int j = 0; j < LANES; j++)
          FloatVector.fromArray(F, room, from + k + j * BlockTranspose.STRIDE)
              .intoMemorySegment(panels, at + j * 4L * Weight.PANEL, ORDER);
      else
        for (int j = 0; j < steps - k; j++)
          FloatVector.fromArray(F, room, from + k + j * BlockTranspose.STRIDE)
              .intoMemorySegment(panels, at + j * 4L * Weight.PANEL, ORDER);
    }
  }
}
