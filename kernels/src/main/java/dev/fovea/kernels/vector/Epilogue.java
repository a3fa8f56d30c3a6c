package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;

import dev.fovea.kernels.Activation;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jetbrains.annotations.Nullable;

/// What happens to a tile of sums while it is still in the first-level cache: bias, activation, residual, and the way out.
///
/// @param out rows begin where `rows` says, and so do the residual's
record Epilogue(@Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual, MemorySegment out, OutRows rows) {
  /// Floats that a finished tile takes before it is written, where an activation needs it in native memory.
  static final int TILE = MicroKernel.MAX_ROWS * WIDTH;

  /// Copies the bias of columns `[col, col + cols)` to `to`, and zeros up to the panel's width.
  void bias(int col, int cols, float[] to, int at) {
    Arrays.fill(to, at, at + WIDTH, 0);
    if (bias != null) MemorySegment.copy(bias, Simd.FLOAT, 4L * col, to, at, cols);
  }

  /// Finishes the tile at `from` of `s`, and writes the columns `[col, col + cols)` of rows `row … row + count - 1`.
  ///
  /// @param b where [#bias] has put the bias in `bias`
  /// @param tile room for [#TILE] floats
  void finish(float[] s, int from, float[] bias, int b, MemorySegment tile, int row, int count, int col, int cols) {
    if (activation == Activation.NONE) {
      for (int r = 0; r < count; r++) {
        long to = rows.at(row + r) + col;
        if (cols == WIDTH) write(s, from + r * WIDTH, bias, b, residual, out, to);
        else writeFirst(s, from + r * WIDTH, bias, b, residual, out, to, cols);
      }
    } else {
      for (int r = 0; r < count; r++) write(s, from + r * WIDTH, bias, b, null, tile, (long) r * WIDTH);
      Elements.activate(activation, tile, tile, 0, (long) count * WIDTH);
      for (int r = 0; r < count; r++) {
        long to = rows.at(row + r) + col;
        if (cols == WIDTH) copy(tile, (long) r * WIDTH, residual, out, to);
        else copyFirst(tile, (long) r * WIDTH, residual, out, to, cols);
      }
    }
  }

  /// `out = s + bias + residual`, a row of the tile.
  private static void write(float[] s, int from, float[] bias, int b, @Nullable MemorySegment residual, MemorySegment out, long to) {
    var y0 = FloatVector.fromArray(F, s, from).add(FloatVector.fromArray(F, bias, b));
    var y1 = FloatVector.fromArray(F, s, from + LANES).add(FloatVector.fromArray(F, bias, b + LANES));
    store(residual == null ? y0 : y0.add(load(residual, to)), out, to);
    store(residual == null ? y1 : y1.add(load(residual, to + LANES)), out, to + LANES);
  }

  /// The same for the first `cols` columns.
  private static void writeFirst(float[] s, int from, float[] bias, int b, @Nullable MemorySegment residual, MemorySegment out, long to,
      int cols) {
    for (int c = 0; c < cols; c += LANES) {
      var some = first(Math.min(LANES, cols - c));
      var y = FloatVector.fromArray(F, s, from + c).add(FloatVector.fromArray(F, bias, b + c));
      store(residual == null ? y : y.add(load(residual, to + c, some)), out, to + c, some);
    }
  }

  /// `out = tile + residual`, a row of the tile.
  private static void copy(MemorySegment tile, long from, @Nullable MemorySegment residual, MemorySegment out, long to) {
    var y0 = load(tile, from);
    var y1 = load(tile, from + LANES);
    store(residual == null ? y0 : y0.add(load(residual, to)), out, to);
    store(residual == null ? y1 : y1.add(load(residual, to + LANES)), out, to + LANES);
  }

  /// The same for the first `cols` columns.
  private static void copyFirst(MemorySegment tile, long from, @Nullable MemorySegment residual, MemorySegment out, long to, int cols) {
    for (int c = 0; c < cols; c += LANES) {
      var some = first(Math.min(LANES, cols - c));
      var y = load(tile, from + c);
      store(residual == null ? y : y.add(load(residual, to + c, some)), out, to + c, some);
    }
  }
}
