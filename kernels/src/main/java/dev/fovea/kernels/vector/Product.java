package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.MAX_ROWS;
import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Matrix products, cut for the caches as Goto and van de Geijn do ("Anatomy of High-Performance Matrix Multiplication",
/// 2008): rows of the left operand are copied into tiles, columns of the right one lie in panels, and [MicroKernel]
/// multiplies one by the other.
///
/// A task owns one panel of columns for a block of rows and sums each of its tiles from the first step to the last, so
/// that the order of additions never depends on the number of threads.
final class Product {
  /// Floats of the left operand that a block of rows may hold, so that it stays in half of a 2 MiB second-level cache.
  private static final int ROW_BLOCK = 1 << 18;
  private static final int TILE = MAX_ROWS * WIDTH;

  private final Workers workers;
  private final ScratchPool scratch;

  Product(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /// `out = activation(x · weightᵀ + bias) + residual`.
  void linear(MemorySegment x, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, int m) {
    var rows = RowCut.of(m);
    var steps = StepCut.of(weight.k());
    int panels = Math.ceilDiv(weight.n(), WIDTH);
    int tilesInBlock = Math.clamp(ROW_BLOCK / Math.max(1, MAX_ROWS * weight.k()), 1, Math.max(1, rows.count()));
    int blocks = Math.ceilDiv(rows.count(), tilesInBlock);
    try (var packed = scratch.borrowArray(RowTiles.size(rows, steps))) {
      var tiles = packed.floats();
      var left = Matrices.dense(x, 1, m, weight.k());
      workers.forEach(rows.count(), tile -> RowTiles.fill(left, 0, 0, rows.start(tile), rows.rows(tile), steps, tiles, tile));
      workers.forEach(blocks * panels, task -> {
        int block = task / panels, col = task % panels * WIDTH;
        int end = Math.min(rows.count(), (block + 1) * tilesInBlock);
        columns(tiles, rows, steps, block * tilesInBlock, end, weight, col, bias, activation, residual, out);
      });
    }
  }

  /// The columns `col … col + WIDTH - 1` of the tiles `[from, to)`.
  private void columns(float[] tiles, RowCut rows, StepCut steps, int from, int to, Weight weight, int col,
      @Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual, MemorySegment out) {
    try (var space = scratch.borrow(TILE + Panels.scratch(weight)); var sums = scratch.borrowArray(2 * TILE)) {
      var tile = space.segment();
      var panel = Panels.of(weight, col, tile.asSlice(4L * TILE));
      var w = panel.segment();
      long w0 = panel.first(), w1 = panel.second(), step = panel.step();
      for (int t = from; t < to; t++) {
        int height = MicroKernel.height(rows.rows(t));
        for (int piece = 0; piece < steps.count(); piece++) {
          long start = steps.start(piece) * step;
          MicroKernel.run(height, tiles, RowTiles.position(steps, t, piece), w, w0 + start, w1 + start, step,
              steps.length(piece), sums.floats(), piece == 0 ? 0 : TILE, WIDTH);
          if (piece > 0) addLater(sums.floats());
        }
        MemorySegment.copy(sums.floats(), 0, tile, Simd.FLOAT, 0, TILE);
        finish(tile, rows.rows(t), bias, activation, residual, out, rows.start(t), col, weight.n());
      }
    }
  }

  /// Adds the second tile to the first: the sums of a longer product's pieces.
  private static void addLater(float[] tiles) {
    for (int i = 0; i < TILE; i++) tiles[i] += tiles[TILE + i];
  }

  /// Bias, activation and residual on a tile that is still in the first-level cache, then into `out`.
  private static void finish(MemorySegment tile, int rows, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, int row, int col, int n) {
    int cols = Math.min(WIDTH, n - col);
    if (bias != null) for (int r = 0; r < rows; r++) Elements.add(tile, bias, col, tile, (long) r * WIDTH, (long) r * WIDTH + cols);
    if (activation != Activation.NONE) Elements.activate(activation, tile, tile, 0, (long) rows * WIDTH);
    for (int r = 0; r < rows; r++) copyRow(tile, (long) r * WIDTH, residual, out, (long) (row + r) * n + col, cols);
  }

  private static void copyRow(MemorySegment tile, long from, @Nullable MemorySegment residual, MemorySegment out, long to,
      int cols) {
    for (int c = 0; c < cols; c += LANES) {
      if (c + LANES <= cols) {
        var y = load(tile, from + c);
        store(residual == null ? y : y.add(load(residual, to + c)), out, to + c);
      } else {
        var tail = first(cols - c);
        var y = load(tile, from + c, tail);
        store(residual == null ? y : y.add(load(residual, to + c, tail)), out, to + c, tail);
      }
    }
  }

  /// `out = scale · a · b`, matrix by matrix.
  void matmul(Matrices a, Matrices b, Matrices out, float scale) {
    var rows = RowCut.of(a.rows());
    var steps = StepCut.of(a.cols());
    var one = new RowCut(MAX_ROWS, 1, 1);
    int panels = Math.ceilDiv(b.cols(), WIDTH);
    workers.forEach(a.outer() * a.inner() * panels, task -> {
      int col = task % panels * WIDTH, batch = task / panels;
      int o = batch / a.inner(), i = batch % a.inner();
      long right = TILE;
      try (var space = scratch.borrow(right + (long) b.rows() * WIDTH); var left = scratch.borrowArray(RowTiles.size(one, steps));
          var products = scratch.borrowArray(2 * TILE)) {
        float[] tiles = left.floats(), sums = products.floats();
        var s = space.segment();
        Panels.fill(b, o, i, col, s, right);
        for (int t = 0; t < rows.count(); t++) {
          RowTiles.fill(a, o, i, rows.start(t), rows.rows(t), steps, tiles, 0);
          for (int piece = 0; piece < steps.count(); piece++) {
            long start = right + (long) steps.start(piece) * WIDTH;
            MicroKernel.run(MicroKernel.height(rows.rows(t)), tiles, RowTiles.position(steps, 0, piece), s, start, start + LANES,
                WIDTH, steps.length(piece), sums, piece == 0 ? 0 : TILE, WIDTH);
            if (piece > 0) addLater(sums);
          }
          MemorySegment.copy(sums, 0, s, Simd.FLOAT, 0, TILE);
          Elements.scale(s, scale, s, 0, TILE);
          spread(s, rows.rows(t), out, o, i, rows.start(t), col);
        }
      }
    });
  }

  private static void spread(MemorySegment s, int rows, Matrices out, int o, int i, int row, int col) {
    int cols = Math.min(WIDTH, out.cols() - col);
    for (int r = 0; r < rows; r++) {
      long from = (long) r * WIDTH, to = out.index(o, i, row + r, col);
      if (out.colStride() == 1) copyRow(s, from, null, out.segment(), to, cols);
      else for (int c = 0; c < cols; c++) Simd.put(out.segment(), to + c * out.colStride(), Simd.at(s, from + c));
    }
  }
}
