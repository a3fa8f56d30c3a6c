package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.LANES;

import dev.fovea.kernels.GridBias;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation.Attention;
import dev.fovea.kernels.Operation.AttentionMaps;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;

/// Attention without the `N × N` matrix of scores: a tile of queries runs through the keys block by block, and earlier sums are
/// rescaled when a later block holds a larger score (Milakov and Gimelshein, "Online normalizer calculation for softmax",
/// 2018; Dao et al., "FlashAttention", 2022).
///
/// Keys and values of a few heads at a time are copied into panels, which stay in the cache while those heads' queries use them.
/// The order of the blocks does not depend on the number of threads.
final class FusedAttention {
  /// Tiles of queries that one task takes through the keys, so that a block of keys is read from the second-level cache.
  private static final int TILES = Math.ceilDiv(56, MicroKernel.MAX_ROWS);

  private final Workers workers;
  private final ScratchPool scratch;

  FusedAttention(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /// @param op its mask has no length
  void run(Attention op) {
    Matrices q = op.q(), k = op.k(), v = op.v();
    var mask = op.mask();
    var rows = RowCut.of(q.rows());
    var sizes = new HeadPanels(k.rows(), StepCut.of(k.cols()), v.cols(), 0);
    int heads = q.outer() * q.inner(), groups = Math.ceilDiv(rows.count(), TILES);
    int atOnce = Math.min(heads, 2 * workers.threads());
    try (var packed = scratch.borrow(atOnce * sizes.size())) {
      for (int first = 0; first < heads; first += atOnce) {
        int head0 = first, count = Math.min(atOnce, heads - first);
        workers.forEach(2 * count, task -> {
          int head = head0 + task / 2, o = head / q.inner(), i = head % q.inner();
          var panels = sizes.at(task / 2 * sizes.size());
          try (var room = scratch.borrowArray(Panels.ROOM)) {
            if (task % 2 == 0) panels.fillKeys(k, o, i, packed.segment(), room.floats());
            else panels.fillValues(v, o, i, packed.segment(), room.floats());
          }
        });
        workers.forEach(count * groups, task -> {
          int head = head0 + task / groups, o = head / q.inner(), i = head % q.inner(), tile = task % groups * TILES;
          var panels = sizes.at(task / groups * sizes.size());
          try (var space = scratch.borrowArray(QueryTiles.size(TILES, panels, mask))) {
            var tiles = new QueryTiles(TILES, rows, tile, panels, packed.segment(), mask, o, i, space.floats());
            tiles.load(q, op.scale());
            tiles.meetKeys();
            tiles.write(op.to());
          }
        });
      }
    }
  }

  /// Computes the scores as a product, then applies the mask and the softmax row by row.
  void maps(AttentionMaps op, Product product) {
    Matrices q = op.q(), k = op.k();
    var mask = op.mask();
    var maps = op.out();
    int keys = k.rows();
    product.matmul(q, k.transposed(), new Matrices(maps, q.outer(), q.inner(), q.rows(), keys, (long) q.inner() * q.rows() * keys,
        (long) q.rows() * keys, keys, 1), op.scale());
    workers.forEach(q.outer() * q.inner() * q.rows(), row -> {
      int query = row % q.rows(), head = row / q.rows(), o = head / q.inner(), i = head % q.inner();
      long at = (long) row * keys;
      int visible = mask.visible(query, q.rows(), keys);
      if (mask.bias() != null) add(maps, at, mask.bias().segment(), mask.bias().index(o, i, query, 0), visible);
      if (mask.keys() != null) add(maps, at, mask.keys(), (long) o * keys, visible);
      if (mask.grid() != null) add(maps, at, mask.grid(), o, i, query, visible);
      try (var loan = scratch.borrowArray(RowNorms.room(keys))) {
        float[] s = loan.floats();
        MemorySegment.copy(maps, Simd.FLOAT, 4 * at, s, 0, visible);
        int seen = RowNorms.isHidden(s, visible) ? 0 : visible;
        if (seen > 0) RowNorms.softmax(s, seen, maps, at);
        maps.asSlice(4 * (at + seen), 4L * (keys - seen)).fill((byte) 0);
      }
    });
  }

  private static void add(MemorySegment to, long at, MemorySegment x, long from, int n) {
    for (int j = 0; j < n; j++) Simd.put(to, at + j, Simd.at(to, at + j) + Simd.at(x, from + j));
  }

  private static void add(MemorySegment to, long at, GridBias grid, int o, int i, int query, int n) {
    int cols = grid.cols().cols();
    for (int key = 0; key < n; key++) {
      float more = Simd.at(grid.rows().segment(), grid.row(o, i, query, key / cols)) + Simd.at(grid.cols().segment(),
          grid.col(o, i, query, key % cols));
      Simd.put(to, at + key, Simd.at(to, at + key) + more);
    }
  }

  /// The layout of one head's keys and values in panels of [Weight#PANEL] columns.
  ///
  /// @param keys number of keys
  /// @param depth steps of a score
  /// @param outCols numbers of a value
  /// @param at position of the head's panels: the transposed keys, then the values
  record HeadPanels(int keys, StepCut depth, int outCols, long at) {
    HeadPanels at(long at) {
      return new HeadPanels(keys, depth, outCols, at);
    }

    /// Floats that the panels take.
    long size() {
      return Panels.size(keys, depth.steps()) + Panels.size(outCols, keys);
    }

    /// Where the keys from `key` on lie, up to the panel's last, from step `step` on.
    long keys(int key, int step) {
      return at + Panels.position(key, depth.steps()) + (long) step * Weight.PANEL;
    }

    /// Where the values' columns from `col` on lie, up to the panel's last, from key `key` on.
    long values(int col, int key) {
      return at + Panels.size(keys, depth.steps()) + Panels.position(col, keys) + (long) key * Weight.PANEL;
    }

    void fillKeys(Matrices k, int o, int i, MemorySegment panels, float[] room) {
      var transposed = k.transposed();
      for (int key = 0; key < keys; key += WIDTH)
        Panels.fill(transposed, o, i, key, panels, keys(key, 0), keys(key + LANES, 0), room);
    }

    void fillValues(Matrices v, int o, int i, MemorySegment panels, float[] room) {
      for (int col = 0; col < outCols; col += WIDTH)
        Panels.fill(v, o, i, col, panels, values(col, 0), values(col + LANES, 0), room);
    }
  }
}
