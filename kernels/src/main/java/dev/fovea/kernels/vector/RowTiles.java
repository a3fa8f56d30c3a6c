package dev.fovea.kernels.vector;

import dev.fovea.kernels.Matrices;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Copies rows of a left operand into the form that [MicroKernel] reads: for each tile and each piece of the steps,
/// [MicroKernel#MAX_ROWS] rows that lie [MicroKernel#STRIDE] apart.
final class RowTiles {
  private static final int BLOCK = MicroKernel.MAX_ROWS * MicroKernel.STRIDE;

  private RowTiles() {}

  /// Floats that the tiles of `rows` and `steps` occupy.
  static int size(RowCut rows, StepCut steps) {
    return Math.toIntExact((long) rows.count() * steps.count() * BLOCK);
  }

  /// Where tile `tile` holds piece `piece` of the steps.
  static int position(StepCut steps, int tile, int piece) {
    return (tile * steps.count() + piece) * BLOCK;
  }

  static void fill(Matrices x, int o, int i, int row, int count, StepCut steps, float[] tiles, int tile) {
    fill(x, o, i, row, count, steps, tiles, 0, tile);
  }

  /// Copies rows `row … row + count - 1` of matrix `(o, i)` into tile `tile` of those that
  /// begin at `first`, and zeros up to the kernel's height.
  static void fill(Matrices x, int o, int i, int row, int count, StepCut steps, float[] tiles, int first, int tile) {
    for (int piece = 0; piece < steps.count(); piece++) {
      int to = first + position(steps, tile, piece);
      int length = steps.length(piece);
      for (int r = 0; r < count; r++, to += MicroKernel.STRIDE) {
        long from = x.index(o, i, row + r, steps.start(piece));
        if (x.colStride() == 1) MemorySegment.copy(x.segment(), Simd.FLOAT, from * 4, tiles, to, length);
        else for (int k = 0; k < length; k++) tiles[to + k] = Simd.at(x.segment(), from + k * x.colStride());
      }
      for (int r = count; r < MicroKernel.height(count); r++, to += MicroKernel.STRIDE)
        Arrays.fill(tiles, to, to + length, 0);
    }
  }
}
