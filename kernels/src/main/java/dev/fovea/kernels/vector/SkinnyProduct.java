package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;

/// Products with few rows: a model's head, the tokens of a decoder, a short text. Memory reads of the weight dominate their time.
///
/// A task computes two tiles of columns. It multiplies all rows by one piece of the steps before the next piece, so that each byte
/// of the weight is read from memory once. The order of additions is that of [Product].
final class SkinnyProduct {
  /// Most tiles of rows: each one after the first reads the weight again, from the second-level cache.
  private static final int MOST_TILES = 3;

  private final Workers workers;
  private final ScratchPool scratch;

  SkinnyProduct(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /// Whether this class is the faster way for `rows` rows. [MicroKernel] is if they fill exactly one of its tiles, because it loads
  /// less.
  static boolean suits(int rows) {
    return rows <= MOST_TILES * SkinnyMicroKernel.MAX_HEIGHT && rows != MicroKernel.MAX_ROWS && rows != MicroKernel.MAX_ROWS - 1;
  }

  /// The product as a step that runs any number of times.
  Runnable bind(RowReader x, int m, Weight weight, Epilogue epilogue) {
    return new Step(x, m, weight, epilogue);
  }

  private static int tiles(int m) {
    return Math.ceilDiv(m, SkinnyMicroKernel.MAX_HEIGHT);
  }

  /// The first row of tile `t`. Tiles differ by at most one row.
  private static int start(int t, int m) {
    return m * t / tiles(m);
  }

  private static int rows(int t, int m) {
    return start(t + 1, m) - start(t, m);
  }

  /// One product; one thread runs it at a time.
  private final class Step implements Runnable, Workers.Task {
    private final RowReader x;
    private final int m, tiles;
    private final Weight weight;
    private final StepCut steps;
    private final Epilogue epilogue;
    /// Whether the weight is decoded in registers.
    private final boolean asStored;
    /// The packed rows during a run.
    private float[] packed;

    Step(RowReader x, int m, Weight weight, Epilogue epilogue) {
      this.x = x;
      this.m = m;
      this.weight = weight;
      this.epilogue = epilogue;
      asStored = m == 1 && RowMicroKernel.suits(weight);
      tiles = tiles(m);
      steps = StepCut.of(weight);
      int threads = Math.min(workers.threads(), Math.ceilDiv(weight.n(), 2 * WIDTH));
      scratch.reserve(2 * threads, Panels.scratch(weight.format(), steps.length()));
      scratch.reserveArrays(threads + 1, sums());
      scratch.reserveArrays(1, packed());
    }

    @Override
    public void run() {
      try (var loan = scratch.borrowArray(packed())) {
        packed = loan.floats();
        for (int t = 0; t < tiles; t++)
          for (int p = 0; p < steps.count(); p++)
            RowTiles.fill(x, start(t, m), rows(t, m), height(t), steps.start(p), steps.length(p), packed, tile(t, p));
        workers.forEach(Math.ceilDiv(weight.n(), 2 * WIDTH), this);
      }
    }

    /// Floats of all rows as tiles.
    private int packed() {
      return tiles * steps.count() * RowTiles.BLOCK;
    }

    /// Floats of a task's sums, with the bias behind them.
    private int sums() {
      return 2 * SkinnyMicroKernel.TILE * tiles + Epilogue.BIAS;
    }

    private int height(int t) {
      return SkinnyMicroKernel.height(rows(t, m));
    }

    /// Position of piece `p` of tile `t`, in floats.
    private int tile(int t, int p) {
      return (t * steps.count() + p) * RowTiles.BLOCK;
    }

    /// Computes the columns of two tiles.
    @Override
    public void run(int task) {
      int col = task * 2 * WIDTH, cols = Math.min(2 * WIDTH, weight.n() - col), bias = sums() - Epilogue.BIAS;
      long size = Panels.scratch(weight.format(), steps.length());
      try (var space = scratch.borrow(size); var more = scratch.borrow(size); var sums = scratch.borrowArray(sums())) {
        float[] s = sums.floats();
        for (int p = 0; p < steps.count(); p++) {
          int from = steps.start(p), to = steps.start(p + 1);
          if (asStored) {
            var left = Panels.stored(weight, col, from, to, space);
            var right = cols > WIDTH ? Panels.stored(weight, col + WIDTH, from, to, more) : left;
            RowMicroKernel.run(weight.format(), packed, tile(0, p), left, right, to - from, s, 0, p > 0);
            continue;
          }
          var left = Panels.of(weight, col, from, to, space);
          var right = cols > WIDTH ? Panels.of(weight, col + WIDTH, from, to, more) : left;
          for (int t = 0; t < tiles; t++)
            SkinnyMicroKernel.run(height(t), packed, tile(t, p), left, right, to - from, s, 2 * t * SkinnyMicroKernel.TILE, p > 0);
        }
        for (int c = 0; c < cols; c += WIDTH) {
          int some = Math.min(WIDTH, cols - c);
          epilogue.bias(col + c, some, s, bias);
          for (int t = 0; t < tiles; t++)
            epilogue.finish(s, (2 * t + c / WIDTH) * SkinnyMicroKernel.TILE, s, bias, start(t, m), rows(t, m), col + c, some);
        }
      }
    }
  }
}
