package dev.fovea.kernels.vector;

import java.util.Arrays;

/// Copies rows of a left operand into tiles for [MicroKernel]: [MicroKernel#MAX_ROWS] rows, [MicroKernel#STRIDE] floats apart.
final class RowTiles {
  /// Floats of a tile.
  static final int BLOCK = MicroKernel.MAX_ROWS * MicroKernel.STRIDE;

  private RowTiles() {}

  /// Copies columns `from … from + length - 1` of rows `row … row + count - 1` to the tile at `to`, and zeros up to row `height`.
  static void fill(RowReader x, int row, int count, int height, int from, int length, float[] tiles, int to) {
    for (int r = 0; r < count; r++, to += MicroKernel.STRIDE) x.copy(row + r, from, length, tiles, to);
    for (int r = count; r < height; r++, to += MicroKernel.STRIDE) Arrays.fill(tiles, to, to + length, 0);
  }
}
