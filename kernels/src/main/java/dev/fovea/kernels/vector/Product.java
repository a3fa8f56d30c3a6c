package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.MAX_ROWS;
import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.LANES;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Matrix products, blocked for the caches (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008):
/// rows of the left operand are copied into tiles, columns of the right operand are in panels, and [MicroKernel] multiplies a
/// tile by a panel.
///
/// A task computes some panels of columns for a block of rows and sums each tile from the first step to the last, so that the order
/// of additions depends neither on the number of threads nor on the size of the tasks.
final class Product implements MatrixProduct {
  private static final int TILE = MAX_ROWS * WIDTH;
  /// Floats that a task packs.
  private static final int PACK = 1 << 14;

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

  /// The same as a step that runs any number of times, by one thread at a time. A run allocates nothing.
  Runnable bind(RowReader x, int m, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, OutRows rows) {
    var epilogue = new Epilogue(bias, activation, residual, out, rows);
    return SkinnyProduct.suits(m) ? skinny.bind(x, m, weight, epilogue) : new Step(x, m, weight, epilogue);
  }

  /// One product of many rows.
  private final class Step implements Runnable {
    private final RowReader x;
    private final Weight weight;
    private final Epilogue epilogue;
    private final RowCut rows;
    private final StepCut steps;
    private final ProductCut cut;
    private final Workers.Task pack = this::pack, multiply = this::multiply;
    /// State of a run: the first tile of the current range, its number of tiles, and its rows as tiles.
    private int from, tiles;
    private float[] packed;

    Step(RowReader x, int m, Weight weight, Epilogue epilogue) {
      this.x = x;
      this.weight = weight;
      this.epilogue = epilogue;
      rows = RowCut.of(m);
      steps = StepCut.of(weight);
      cut = ProductCut.of(rows.count(), Math.ceilDiv(weight.n(), WIDTH), steps, workers.threads());
      scratch.reserveArrays(1, packedFloats());
      scratch.reserveArrays(workers.threads(), sums() + Epilogue.BIAS);
      scratch.reserve(workers.threads(), panelFloats());
    }

    private int packedFloats() {
      return Math.multiplyExact(cut.tilesAtOnce() * steps.count(), RowTiles.BLOCK);
    }

    /// Floats of a task's unfinished sums.
    private int sums() {
      return cut.keepsSums() ? cut.tilesInBlock() * cut.panelsInGroup() * TILE : TILE;
    }

    private long panelFloats() {
      return Panels.scratch(weight.format(), cut.piecesAtOnce() * steps.length());
    }

    @Override
    public void run() {
      try (var loan = scratch.borrowArray(packedFloats())) {
        packed = loan.floats();
        for (from = 0; from < rows.count(); from += cut.tilesAtOnce()) {
          tiles = Math.min(cut.tilesAtOnce(), rows.count() - from);
          workers.forEach(Math.ceilDiv(tiles * steps.count(), packedTogether()), pack);
          workers.forEach(cut.blocks(tiles) * cut.groups(), multiply);
        }
      }
    }

    /// Position of piece `p` of tile `t` of the current range, in floats.
    private int position(int t, int p) {
      return (t * steps.count() + p) * RowTiles.BLOCK;
    }

    /// Pieces that a task packs: some ten microseconds of work, if enough tasks are left for all threads.
    private int packedTogether() {
      int most = Math.ceilDiv(tiles * steps.count(), 2 * workers.threads());
      return Math.clamp(PACK / (MAX_ROWS * Math.max(1, steps.length())), 1, most);
    }

    private void pack(int task) {
      int together = packedTogether();
      for (int i = task * together; i < Math.min(tiles * steps.count(), (task + 1) * together); i++) {
        int t = i / steps.count(), p = i % steps.count(), count = rows.rows(from + t);
        RowTiles.fill(x, rows.start(from + t), count, MicroKernel.height(count), steps.start(p), steps.length(p), packed,
            position(t, p));
      }
    }

    /// Multiplies a block of tiles by a group of panels: by some pieces of each panel, then by the next pieces.
    private void multiply(int task) {
      int block = task / cut.groups(), group = task % cut.groups();
      int begin = cut.tilesInBlock() * block, end = Math.min(tiles, begin + cut.tilesInBlock());
      int firstPanel = cut.panelsInGroup() * group, endPanel = Math.min(cut.panels(), firstPanel + cut.panelsInGroup());
      try (var space = scratch.borrow(panelFloats()); var loan = scratch.borrowArray(sums() + Epilogue.BIAS)) {
        float[] s = loan.floats();
        for (int piece = 0; piece < steps.count(); piece += cut.piecesAtOnce())
          for (int panel = firstPanel; panel < endPanel; panel++) {
            int at = cut.keepsSums() ? (panel - firstPanel) * cut.tilesInBlock() * TILE : 0;
            multiply(begin, end, panel, piece, space, s, at, next(panel, piece, endPanel));
          }
      }
    }

    /// The panel that a task needs after `panel`, if not the same for the next pieces: in the same group or, probably, one of the
    /// group that this thread takes next.
    private int next(int panel, int piece, int endPanel) {
      if (panel + 1 < endPanel) return panel + 1;
      return piece + cut.piecesAtOnce() < steps.count() ? panel : panel + 1 + (workers.threads() - 1) * cut.panelsInGroup();
    }

    /// Multiplies tiles `begin … end - 1` by some pieces of a panel; the last pieces finish them.
    ///
    /// @param at position in `s` of the sums of these tiles, if they are kept until the last pieces
    private void multiply(int begin, int end, int panelIndex, int piece, ScratchPool.Scratch space, float[] s, int at, int next) {
      int col = panelIndex * WIDTH, cols = Math.min(WIDTH, weight.n() - col), bias = sums();
      int endPiece = Math.min(steps.count(), piece + cut.piecesAtOnce());
      int k0 = steps.start(piece), k1 = steps.start(endPiece);
      boolean isLast = endPiece == steps.count();
      var panel = Panels.of(weight, col, k0, k1, space);
      if (isLast) epilogue.bias(col, cols, s, bias);
      var fetch = Prefetch.of(weight, next * WIDTH, k0, k1, end - begin, panel);
      for (int t = begin; t < end; t++) {
        int count = rows.rows(from + t), height = MicroKernel.height(count);
        for (int p = piece; p < endPiece; p++) {
          int start = steps.start(p) - k0;
          long first = panel.first() + (long) start * Weight.PANEL, second = panel.second() + (long) start * Weight.PANEL;
          if (cols <= LANES)
            MicroKernel.runFirst(height, packed, position(t, p), panel.segment(), first, steps.length(p), s, at, WIDTH, p > 0);
          else MicroKernel.run(height, packed, position(t, p), panel.segment(), first, second, steps.length(p), s, at, WIDTH,
              p > 0, fetch.at(t - begin, end - begin, start), fetch.step());
        }
        if (isLast) epilogue.finish(s, at, s, bias, rows.start(from + t), count, col, cols);
        if (cut.keepsSums()) at += TILE;
      }
    }
  }

  /// `out = scale · a · b`, matrix by matrix.
  void matmul(Matrices a, Matrices b, Matrices out, float scale) {
    var cut = RowCut.of(a.rows());
    var steps = StepCut.of(a.cols());
    int panels = Math.ceilDiv(b.cols(), WIDTH), columns = a.outer() * a.inner() * panels;
    // Few matrices of few columns: tasks for each part of the rows.
    int parts = Math.clamp(Math.ceilDiv(2 * workers.threads(), Math.max(1, columns)), 1, Math.max(1, cut.count()));
    workers.forEach(columns * parts, task -> {
      int part = task % parts, col = task / parts % panels * WIDTH, batch = task / parts / panels;
      int o = batch / a.inner(), i = batch % a.inner();
      var rows = RowReader.of(a, o, i);
      try (var space = scratch.borrow(Panels.size(WIDTH, b.rows()));
          var left = scratch.borrowArray(Math.max(RowTiles.BLOCK, Panels.ROOM));
          var sums = scratch.borrowArray(TILE)) {
        long first = 0, second = Panels.position(LANES, b.rows());
        Panels.fill(b, b.rows(), o, i, col, space.segment(), first, second, left.floats());
        for (int t = cut.count() * part / parts; t < cut.count() * (part + 1) / parts; t++) {
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
