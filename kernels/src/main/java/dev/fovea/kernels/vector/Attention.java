package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.MAX_ROWS;
import static dev.fovea.kernels.vector.MicroKernel.STRIDE;
import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.LANES;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;

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
        try (var space = scratch.borrow(Group.size(q.cols(), v.cols()))) {
          var group = new Group(space.segment(), panels, head * perHead, k.rows(), StepCut.of(q.cols()), v.cols());
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
  /// Scratch memory, in floats: the scores of one tile, then for each tile its queries, its output rows, and its rows'
  /// running maximum and sum.
  private static final class Group {
    private static final int SCORES = MAX_ROWS * STRIDE;
    /// Keys in a block: as many as a row of scores can hold.
    private static final int BLOCK = MicroKernel.MAX_STEPS;

    private final MemorySegment s;
    private final MemorySegment panels;
    private final long keys;
    private final int keyCount;
    private final StepCut depth;
    private final int outCols;
    private final int outStride;
    private final int[] start = new int[TILES], rows = new int[TILES];
    private int tiles;

    Group(MemorySegment s, MemorySegment panels, long keys, int keyCount, StepCut depth, int outCols) {
      this.s = s;
      this.panels = panels;
      this.keys = keys;
      this.keyCount = keyCount;
      this.depth = depth;
      this.outCols = outCols;
      outStride = Math.ceilDiv(outCols, WIDTH) * WIDTH;
    }

    static long size(int depth, int outCols) {
      long stride = (long) Math.ceilDiv(outCols, WIDTH) * WIDTH;
      return SCORES + TILES * ((long) StepCut.of(depth).count() * SCORES + MAX_ROWS * stride + 2 * MAX_ROWS);
    }

    private long queries(int tile) {
      return SCORES + RowTiles.position(depth, tile, 0);
    }

    private long output(int tile) {
      return queries(TILES) + (long) tile * MAX_ROWS * outStride;
    }

    /// Where the maxima of a tile's rows lie; their sums follow.
    private long state(int tile) {
      return output(TILES) + (long) tile * 2 * MAX_ROWS;
    }

    void add(Matrices q, int o, int i, int row, int count, float scale) {
      start[tiles] = row;
      rows[tiles] = count;
      var own = s.asSlice(queries(tiles) * 4, 4L * depth.count() * SCORES);
      RowTiles.fill(q, o, i, row, count, depth, own, 0);
      for (int piece = 0; piece < depth.count(); piece++)
        for (int r = 0; r < count; r++) {
          long at = RowTiles.position(depth, 0, piece) + (long) r * STRIDE;
          Elements.scale(own, scale, own, at, at + depth.length(piece));
        }
      for (int r = 0; r < MAX_ROWS; r++) {
        Simd.put(s, state(tiles) + r, Float.NEGATIVE_INFINITY);
        Simd.put(s, state(tiles) + MAX_ROWS + r, 0);
      }
      tiles++;
    }

    void meetKeys() {
      if (keyCount == 0)
        for (int t = 0; t < tiles; t++) s.asSlice(output(t) * 4, 4L * MAX_ROWS * outStride).fill((byte) 0);
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
      int height = MicroKernel.height(rows[tile]);
      for (int key = 0; key < count; key += WIDTH) {
        long panel = keys + (long) (first + key) / WIDTH * depth.steps() * WIDTH;
        for (int piece = 0; piece < depth.count(); piece++) {
          long w = panel + (long) depth.start(piece) * WIDTH;
          MicroKernel.run(height, s, queries(tile) + RowTiles.position(depth, 0, piece), panels, w, w + LANES, WIDTH,
              depth.length(piece), s, key, STRIDE, piece > 0);
        }
      }
    }

    /// Turns a block of scores into `exp(score - maximum)` and rescales what was summed under a smaller maximum.
    private void softmax(int tile, int first, int count) {
      for (int r = 0; r < rows[tile]; r++) {
        long max = state(tile) + r, sum = max + MAX_ROWS, row = (long) r * STRIDE;
        float before = Simd.at(s, max), now = Math.max(before, Rows.max(s, row, count));
        // A row of -∞ so far has no maximum to subtract: its exponentials are zeros, not NaN.
        float block = Rows.expOfDifference(s, now == Float.NEGATIVE_INFINITY ? 0 : now, s, row, count);
        float keep = before == now ? 1 : (float) Math.exp(before - now);
        Simd.put(s, max, now);
        Simd.put(s, sum, Simd.at(s, sum) * keep + block);
        if (first > 0 && keep != 1) {
          long out = output(tile) + (long) r * outStride;
          Elements.scale(s, keep, s, out, out + outStride);
        }
      }
    }

    /// Adds the block's weights times its values to the output rows.
    private void values(int tile, int first, int count) {
      int height = MicroKernel.height(rows[tile]);
      long values = keys + (long) Math.ceilDiv(keyCount, WIDTH) * depth.steps() * WIDTH;
      for (int col = 0; col < outCols; col += WIDTH) {
        long w = values + (long) col / WIDTH * keyCount * WIDTH + (long) first * WIDTH;
        MicroKernel.run(height, s, 0, panels, w, w + LANES, WIDTH, count, s, output(tile) + col, outStride, first > 0);
      }
    }

    /// Divides by the sums.
    void write(Matrices out, int o, int i) {
      for (int t = 0; t < tiles; t++)
        for (int r = 0; r < rows[t]; r++) {
          long from = output(t) + (long) r * outStride, to = out.index(o, i, start[t] + r, 0);
          float scale = keyCount == 0 ? 0 : 1 / Simd.at(s, state(t) + MAX_ROWS + r);
          Elements.scale(s, scale, s, from, from + outCols);
          MemorySegment.copy(s, from * 4, out.segment(), to * 4, 4L * outCols);
        }
    }
  }
}
