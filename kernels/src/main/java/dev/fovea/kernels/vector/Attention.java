package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.MAX_ROWS;
import static dev.fovea.kernels.vector.MicroKernel.STRIDE;
import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.all;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Attention without the `N × N` matrix: a tile of queries meets the keys block by block, and what was summed before is
/// rescaled when a later block holds a larger score (Milakov and Gimelshein, "Online normalizer calculation for softmax",
/// 2018; Dao et al., "FlashAttention", 2022).
///
/// The scores of a tile are written in the very form that [MicroKernel] reads, so that they multiply the values where they
/// lie. Each tile meets the blocks in one order, whatever the number of threads.
final class Attention {
  /// Tiles of queries that one task takes through the keys, so that a block of keys is read from the second-level cache.
  private static final int TILES = 4;

  private final Workers workers;
  private final ScratchPool scratch;

  Attention(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(Matrices q, Matrices k, Matrices v, Matrices out, float scale) {
    var rows = RowCut.of(q.rows());
    int heads = q.outer() * q.inner(), groups = Math.ceilDiv(rows.count(), TILES);
    int keyPanels = Math.ceilDiv(k.rows(), WIDTH), valuePanels = Math.ceilDiv(v.cols(), WIDTH);
    long keySize = (long) k.cols() * WIDTH, valueSize = (long) v.rows() * WIDTH;
    long perHead = keyPanels * keySize + valuePanels * valueSize;
    try (var packed = scratch.borrow(heads * perHead)) {
      var panels = packed.segment();
      var keys = k.transposed();
      workers.forEach(heads, head -> {
        int o = head / q.inner(), i = head % q.inner();
        long at = head * perHead;
        for (int p = 0; p < keyPanels; p++, at += keySize) Panels.fill(keys, o, i, p * WIDTH, panels, at);
        for (int p = 0; p < valuePanels; p++, at += valueSize) Panels.fill(v, o, i, p * WIDTH, panels, at);
      });
      workers.forEach(heads * groups, task -> {
        int head = task / groups, first = task % groups * TILES;
        try (var space = scratch.borrowArray(Group.size(q.cols(), v.cols()))) {
          var group = new Group(space.floats(), panels, head * perHead, k.rows(), StepCut.of(q.cols()), v.cols());
          for (int t = first; t < Math.min(first + TILES, rows.count()); t++)
            group.add(q, head / q.inner(), head % q.inner(), rows.start(t), rows.rows(t), scale);
          group.meetKeys();
          group.write(out, head / q.inner(), head % q.inner());
        }
      });
    }
  }

  /// Some tiles of queries of one head, with what each has summed so far.
  ///
  /// All in one array: the scores of one tile, then for each tile its queries, then for each its output rows, then for each
  /// its rows' running maxima and sums.
  private static final class Group {
    private static final int SCORES = MAX_ROWS * STRIDE;
    /// Keys in a block: as many as a row of scores can hold.
    private static final int BLOCK = MicroKernel.MAX_STEPS;

    private final float[] s;
    private final MemorySegment panels;
    private final long keys;
    private final int keyCount;
    private final StepCut depth;
    private final int outCols;
    private final int outStride;
    private final int[] start = new int[TILES], rows = new int[TILES];
    private int tiles;

    Group(float[] s, MemorySegment panels, long keys, int keyCount, StepCut depth, int outCols) {
      this.s = s;
      this.panels = panels;
      this.keys = keys;
      this.keyCount = keyCount;
      this.depth = depth;
      this.outCols = outCols;
      outStride = Math.ceilDiv(outCols, WIDTH) * WIDTH;
    }

    static int size(int depth, int outCols) {
      int stride = Math.ceilDiv(outCols, WIDTH) * WIDTH;
      return SCORES * (1 + TILES * StepCut.of(depth).count()) + TILES * MAX_ROWS * (stride + 2);
    }

    private int queries(int tile, int piece) {
      return SCORES + (tile * depth.count() + piece) * RowTiles.BLOCK;
    }

    private int output(int tile) {
      return queries(TILES, 0) + tile * MAX_ROWS * outStride;
    }

    /// Where the maxima of a tile's rows lie; their sums follow.
    private int state(int tile) {
      return output(TILES) + tile * 2 * MAX_ROWS;
    }

    void add(Matrices q, int o, int i, int row, int count, float scale) {
      start[tiles] = row;
      rows[tiles] = count;
      for (int p = 0; p < depth.count(); p++)
        RowTiles.fill(LeftRows.of(q, o, i), row, count, depth.start(p), depth.length(p), s, queries(tiles, p));
      scale(queries(tiles, 0), queries(tiles + 1, 0), scale);
      Arrays.fill(s, state(tiles), state(tiles) + MAX_ROWS, Float.NEGATIVE_INFINITY);
      Arrays.fill(s, state(tiles) + MAX_ROWS, state(tiles + 1), 0);
      Arrays.fill(s, output(tiles), output(tiles + 1), 0);
      tiles++;
    }

    private void scale(int from, int to, float factor) {
      for (int i = from; i < to; i++) s[i] *= factor;
    }

    void meetKeys() {
      for (int first = 0; first < keyCount; first += BLOCK) {
        int count = Math.min(BLOCK, keyCount - first);
        for (int t = 0; t < tiles; t++) {
          scores(t, first, count);
          softmax(t, first, count);
          values(t, first, count);
        }
      }
    }

    /// `q · kᵀ` for a block of keys.
    private void scores(int tile, int first, int count) {
      for (int key = 0; key < count; key += WIDTH) {
        long panel = keys + (long) (first + key) / WIDTH * depth.steps() * WIDTH;
        for (int piece = 0; piece < depth.count(); piece++)
          multiply(rows[tile], queries(tile, piece), panel + (long) depth.start(piece) * WIDTH, depth.length(piece), key, STRIDE, piece > 0);
      }
    }

    /// Turns a block of scores into `exp(score - maximum)` and rescales what was summed under a smaller maximum.
    private void softmax(int tile, int first, int count) {
      for (int r = 0; r < rows[tile]; r++) {
        int max = state(tile) + r, sum = max + MAX_ROWS, row = r * STRIDE;
        float before = s[max], now = Math.max(before, max(row, count));
        // A row of -∞ so far has no maximum to subtract: its exponentials are zeros, not NaN.
        float block = expOfDifference(row, count, now == Float.NEGATIVE_INFINITY ? 0 : now);
        float keep = before == now ? 1 : (float) Math.exp(before - now);
        s[max] = now;
        s[sum] = s[sum] * keep + block;
        if (first > 0 && keep != 1) scale(output(tile) + r * outStride, output(tile) + (r + 1) * outStride, keep);
      }
    }

    private float max(int from, int n) {
      int i = from, to = from + n, end = to - n % LANES;
      var max = all(Float.NEGATIVE_INFINITY);
      for (; i < end; i += LANES) max = max.max(FloatVector.fromArray(F, s, i));                       // body
      float result = max.reduceLanes(VectorOperators.MAX);
      for (; i < to; i++) result = Math.max(result, s[i]);                                             // tail
      return result;
    }

    private float expOfDifference(int from, int n, float max) {
      int i = from, to = from + n, end = to - n % LANES;
      var sum = all(0f);
      for (; i < end; i += LANES) {                                                                    // body
        var e = VectorMath.exp(FloatVector.fromArray(F, s, i).sub(max));
        e.intoArray(s, i);
        sum = sum.add(e);
      }
      if (i < to) {                                                                                    // tail
        var tail = Simd.first(to - i);
        var e = VectorMath.exp(FloatVector.fromArray(F, s, i, tail).sub(max));
        e.intoArray(s, i, tail);
        sum = sum.add(e, tail);
      }
      return Simd.sum(sum);
    }

    /// Adds the block's weights times its values to the output rows.
    private void values(int tile, int first, int count) {
      long values = keys + (long) Math.ceilDiv(keyCount, WIDTH) * depth.steps() * WIDTH;
      for (int col = 0; col < outCols; col += WIDTH) {
        long w = values + (long) col / WIDTH * keyCount * WIDTH + (long) first * WIDTH;
        multiply(rows[tile], 0, w, count, output(tile) + col, outStride, first > 0);
      }
    }

    /// Multiplies rows of the array by a panel, and stores or adds the product.
    private void multiply(int rows, int x, long w, int steps, int out, int stride, boolean add) {
      MicroKernel.run(MicroKernel.height(rows), s, x, panels, w, w + LANES, WIDTH, steps, s, out, stride, add, panels, w, 0);
    }

    /// Divides by the sums.
    void write(Matrices out, int o, int i) {
      for (int t = 0; t < tiles; t++)
        for (int r = 0; r < rows[t]; r++) {
          int from = output(t) + r * outStride;
          if (keyCount > 0) scale(from, from + outCols, 1 / s[state(t) + MAX_ROWS + r]);
          MemorySegment.copy(s, from, out.segment(), Simd.FLOAT, 4 * out.index(o, i, start[t] + r, 0), outCols);
        }
    }
  }
}
