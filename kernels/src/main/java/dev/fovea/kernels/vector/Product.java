package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.MAX_ROWS;
import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.LANES;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.CacheSizes;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Matrix products, blocked for the caches (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008):
/// rows of the left operand are copied into tiles, columns of the right operand are in panels, and [MicroKernel] multiplies a
/// tile by a panel.
///
/// A task computes one panel of columns for a block of rows and sums each tile from the first step to the last, so that the order
/// of additions does not depend on the number of threads.
final class Product implements MatrixProduct {
  private static final int TILE = MAX_ROWS * WIDTH;
  /// Most bytes of a block of rows of the left operand, so that it stays in the second-level cache beside panels.
  private static final long BLOCK_BYTES = CacheSizes.bytes(2) * 3 / 4;

  private final Workers workers;
  private final ScratchPool scratch;
  private final SkinnyProduct skinny;

  Product(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
    skinny = new SkinnyProduct(workers, scratch);
  }

  @Override
  public void run(RowReader x, int m, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, OutRows rows) {
    bind(x, m, weight, bias, activation, residual, out, rows).run();
  }

  /// The same as a step that runs any number of times, by one thread at a time. With few rows, a run allocates nothing.
  Runnable bind(RowReader x, int m, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, OutRows rows) {
    var epilogue = new Epilogue(bias, activation, residual, out, rows);
    if (SkinnyProduct.suits(m)) return skinny.bind(x, m, weight, epilogue);
    return () -> run(x, m, weight, epilogue);
  }

  private void run(RowReader x, int m, Weight weight, Epilogue epilogue) {
    var cut = RowCut.of(m);
    var steps = StepCut.of(weight);
    // A long product is summed piece by piece for all tiles, so that each piece of a panel is read once; a short one in one go.
    int together = steps.count() <= 2 ? steps.count() : 1, rounds = steps.count() / together;
    int panels = Math.ceilDiv(weight.n(), WIDTH);
    int tilesInBlock = tilesInBlock(cut.count(), together * steps.length(0));
    // Enough blocks at once to keep every thread busy.
    int tilesAtOnce = tilesInBlock * Math.ceilDiv(4 * workers.threads(), panels);
    var first = new Part(cut, steps, 0, Math.min(tilesAtOnce, cut.count()), tilesInBlock, 0, together);
    int kept = rounds == 1 ? 0 : Math.multiplyExact(first.tiles() * panels, TILE);
    try (var packed = scratch.borrowArray(first.tileFloats()); var sums = scratch.borrowArray(kept)) {
      for (int tile = 0; tile < cut.count(); tile += tilesAtOnce)
        for (int piece = 0; piece < steps.count(); piece += together) {
          var part = new Part(cut, steps, tile, Math.min(tilesAtOnce, cut.count() - tile), tilesInBlock, piece, together);
          workers.forEach(part.tiles(), t -> part.fill(x, t, packed.floats()));
          workers.forEach(part.blocks() * panels, task ->
              columns(part, task / panels, task % panels, packed.floats(), sums.floats(), weight, epilogue));
        }
    }
  }

  /// Tiles per block, so that blocks have nearly equal size.
  private static int tilesInBlock(int tiles, int steps) {
    int most = Math.clamp(BLOCK_BYTES / (4L * MAX_ROWS * Math.max(1, steps)), 1, Math.max(1, tiles));
    return Math.ceilDiv(tiles, Math.ceilDiv(Math.max(1, tiles), most));
  }

  /// The work between two barriers: a range of tiles and a range of pieces of their steps.
  ///
  /// @param from index of the first tile
  /// @param piece index of the first piece
  private record Part(RowCut cut, StepCut steps, int from, int tiles, int tilesInBlock, int piece, int pieces) {
    int blocks() {
      return Math.ceilDiv(tiles, tilesInBlock);
    }

    int tileFloats() {
      return Math.multiplyExact(tiles, pieces * RowTiles.BLOCK);
    }

    /// Position of piece `piece` of tile `t` of the part, in floats.
    int position(int t, int piece) {
      return (t * pieces + piece - this.piece) * RowTiles.BLOCK;
    }

    void fill(RowReader x, int t, float[] tiles) {
      for (int p = piece; p < piece + pieces; p++)
        RowTiles.fill(x, cut.start(from + t), cut.rows(from + t), MicroKernel.height(cut.rows(from + t)), steps.start(p),
            steps.length(p), tiles, position(t, p));
    }

    boolean isLast() {
      return piece + pieces == steps.count();
    }
  }

  /// Computes one panel of columns for one block of rows.
  private void columns(Part part, int block, int panelIndex, float[] tiles, float[] sums, Weight weight, Epilogue epilogue) {
    int col = panelIndex * WIDTH, cols = Math.min(WIDTH, weight.n() - col), panels = Math.ceilDiv(weight.n(), WIDTH);
    int begin = block * part.tilesInBlock, end = Math.min(part.tiles, begin + part.tilesInBlock);
    int k0 = part.steps.start(part.piece), k1 = part.steps.start(part.piece + part.pieces);
    boolean once = part.pieces == part.steps.count();
    try (var space = scratch.borrow(Panels.scratch(weight.format(), k1 - k0));
        var local = scratch.borrowArray(TILE + Epilogue.BIAS)) {
      var panel = Panels.of(weight, col, k0, k1, space);
      if (part.isLast()) epilogue.bias(col, cols, local.floats(), TILE);
      var fetch = Prefetch.of(weight, col + workers.threads() * WIDTH, k0, k1, end - begin, panel);
      for (int t = begin; t < end; t++) {
        var tile = once ? local.floats() : sums;
        int at = once ? 0 : (t * panels + panelIndex) * TILE, rows = part.cut.rows(part.from + t);
        for (int p = part.piece; p < part.piece + part.pieces; p++) {
          int start = part.steps.start(p) - k0;
          if (cols <= LANES)
            MicroKernel.runFirst(MicroKernel.height(rows), tiles, part.position(t, p), panel.segment(),
                panel.first() + (long) start * Weight.PANEL, part.steps.length(p), tile, at, WIDTH, p > 0);
          else MicroKernel.run(MicroKernel.height(rows), tiles, part.position(t, p), panel.segment(),
              panel.first() + (long) start * Weight.PANEL, panel.second() + (long) start * Weight.PANEL, part.steps.length(p),
              tile, at, WIDTH, p > 0, fetch.at(t - begin, end - begin, start), fetch.step());
        }
        if (part.isLast()) epilogue.finish(tile, at, local.floats(), TILE, part.cut.start(part.from + t), rows, col, cols);
      }
    }
  }

  /// `out = scale · a · b`, matrix by matrix.
  void matmul(Matrices a, Matrices b, Matrices out, float scale) {
    var cut = RowCut.of(a.rows());
    var steps = StepCut.of(a.cols());
    int panels = Math.ceilDiv(b.cols(), WIDTH);
    workers.forEach(a.outer() * a.inner() * panels, task -> {
      int col = task % panels * WIDTH, batch = task / panels;
      int o = batch / a.inner(), i = batch % a.inner();
      var rows = RowReader.of(a, o, i);
      try (var space = scratch.borrow(Panels.size(WIDTH, b.rows()));
          var left = scratch.borrowArray(Math.max(RowTiles.BLOCK, Panels.ROOM));
          var sums = scratch.borrowArray(TILE)) {
        long first = 0, second = Panels.position(LANES, b.rows());
        Panels.fill(b, b.rows(), o, i, col, space.segment(), first, second, left.floats());
        for (int t = 0; t < cut.count(); t++) {
          for (int p = 0; p < steps.count(); p++) {
            long start = (long) steps.start(p) * Weight.PANEL;
            RowTiles.fill(rows, cut.start(t), cut.rows(t), MicroKernel.height(cut.rows(t)), steps.start(p), steps.length(p),
                left.floats(), 0);
            MicroKernel.run(MicroKernel.height(cut.rows(t)), left.floats(), 0, space.segment(), first + start, second + start,
                steps.length(p), sums.floats(), 0, WIDTH, p > 0, 0, 0);
          }
          spread(sums.floats(), cut.rows(t), scale, out, o, i, cut.start(t), col);
        }
      }
    });
  }

  private static void spread(float[] sums, int rows, float scale, Matrices out, int o, int i, int row, int col) {
    for (int j = 0; j < rows * WIDTH; j++) sums[j] *= scale;
    int cols = Math.min(WIDTH, out.cols() - col);
    for (int r = 0; r < rows; r++) {
      long to = out.index(o, i, row + r, col);
      if (out.colStride() == 1) MemorySegment.copy(sums, r * WIDTH, out.segment(), Simd.FLOAT, 4 * to, cols);
      else for (int c = 0; c < cols; c++) Simd.put(out.segment(), to + c * out.colStride(), sums[r * WIDTH + c]);
    }
  }
}
