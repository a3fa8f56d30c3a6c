package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;

import dev.fovea.kernels.Activation;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jetbrains.annotations.Nullable;

/// The steps on a tile of sums while it is in the first-level cache: bias, activation, residual, and the copy to the output.
///
/// @param rows position of each row in `out` and in `residual`
record Epilogue(@Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual, MemorySegment out,
    OutRows rows) {
  /// Floats of a tile's bias, followed by as many zeros.
  static final int BIAS = 2 * WIDTH;

  /// Copies the bias of columns `[col, col + cols)` to `to`, and zeros up to [#BIAS] floats.
  void bias(int col, int cols, float[] to, int at) {
    Arrays.fill(to, at, at + BIAS, 0);
    if (bias != null) MemorySegment.copy(bias, Simd.FLOAT, 4L * col, to, at, cols);
  }

  /// Finishes the tile at `from` of `s` and writes columns `[col, col + cols)` of rows `row … row + count - 1`.
  ///
  /// @param b position in `bias` of the floats set by [#bias]
  void finish(float[] s, int from, float[] bias, int b, int row, int count, int col, int cols) {
    if (activation != Activation.NONE) {
      activate(s, from, bias, b, count);
      b += WIDTH;
    }
    for (int r = 0; r < count; r++) {
      long to = rows.at(row + r) + col;
      if (cols == WIDTH) write(s, from + r * WIDTH, bias, b, to);
      else writeFirst(s, from + r * WIDTH, bias, b, to, cols);
    }
  }

  /// `s = activation(s + bias)`.
  private void activate(float[] s, int from, float[] bias, int b, int count) {
    for (int i = from; i < from + count * WIDTH; i += WIDTH) {
      FloatVector.fromArray(F, s, i).add(FloatVector.fromArray(F, bias, b)).intoArray(s, i);
      FloatVector.fromArray(F, s, i + LANES).add(FloatVector.fromArray(F, bias, b + LANES)).intoArray(s, i + LANES);
    }
    Elements.activate(activation, s, from, from + count * WIDTH);
  }

  /// `out = s + bias + residual` for one row of the tile.
  private void write(float[] s, int from, float[] bias, int b, long to) {
    Simd.expectPlain(out);
    long at = 4 * to, next = at + 4 * LANES;
    var y0 = FloatVector.fromArray(F, s, from).add(FloatVector.fromArray(F, bias, b));
    var y1 = FloatVector.fromArray(F, s, from + LANES).add(FloatVector.fromArray(F, bias, b + LANES));
    if (residual != null) {
      Simd.expectPlain(residual);
      y0 = y0.add(FloatVector.fromMemorySegment(F, residual, at, ORDER));
      y1 = y1.add(FloatVector.fromMemorySegment(F, residual, next, ORDER));
    }
    y0.intoMemorySegment(out, at, ORDER);
    y1.intoMemorySegment(out, next, ORDER);
  }

  /// The same for the first `cols` columns.
  private void writeFirst(float[] s, int from, float[] bias, int b, long to, int cols) {
    for (int c = 0; c < cols; c += LANES) {
      var some = first(Math.min(LANES, cols - c));
      var y = FloatVector.fromArray(F, s, from + c).add(FloatVector.fromArray(F, bias, b + c));
      store(residual == null ? y : y.add(load(residual, to + c, some)), out, to + c, some);
    }
  }
}
