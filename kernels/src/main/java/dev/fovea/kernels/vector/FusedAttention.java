package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.LANES;

import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.GridBias;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation.Attention;
import dev.fovea.kernels.Operation.AttentionMaps;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;

/// Attention without the `N × N` score matrix: a tile of queries processes the keys block by block, and earlier sums are rescaled
/// when a later block has a larger score (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al.,
/// "FlashAttention", 2022).
///
/// Keys and values of a few heads at a time are copied into panels, which stay in the cache while the queries of these heads use
/// them. The order of the blocks does not depend on the number of threads.
final class FusedAttention {
  /// Most tiles of queries per task, and those of a causal one: most reads of a block of keys hit the second-level cache.
  private static final int TILES = Math.ceilDiv(56, MicroKernel.MAX_ROWS);

  private final Workers workers;
  private final ScratchPool scratch;

  FusedAttention(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /// The attention as a step that runs any number of times, by one thread at a time. A run allocates nothing.
  Runnable bind(Attention op) {
    return new Step(op);
  }

  /// Number of tasks of a head with a causal mask.
  static int groups(RowCut rows) {
    return Math.ceilDiv(rows.count(), TILES);
  }

  /// First query of such a task; for `group = groups(rows)`, the number of queries. All queries of such a task process the keys
  /// that its last one sees.
  static int start(RowCut rows, int group) {
    return rows.start(Math.min(rows.count(), group * TILES));
  }

  /// One attention. If the mask has a length, the panels are laid out for all keys, and a run uses only the keys present.
  private final class Step implements Runnable {
    private final Matrices q, k, kt, v, to;
    private final AttentionMask mask, mine;
    private final float scale;
    private final RowCut rows;
    private final HeadPanels layout;
    private final int heads, together, groups, headsAtOnce;
    private final Workers.Task pack = this::pack, attend = this::attend;
    private final ArrayDeque<QueryTiles> idle = new ArrayDeque<>();
    /// State of a run: the number of keys, the first head of the current group, and the group's panels.
    private int keys, firstHead;
    private MemorySegment panels;

    Step(Attention op) {
      q = op.q();
      k = op.k();
      kt = k.transposed();
      v = op.v();
      to = op.to();
      mask = op.mask();
      mine = mask.withoutLength();
      scale = op.scale();
      rows = RowCut.of(q.rows());
      layout = new HeadPanels(k.rows(), StepCut.of(k.cols()), v.cols());
      heads = q.outer() * q.inner();
      headsAtOnce = Math.min(heads, 2 * workers.threads());
      together = mask.causal() ? TILES : tilesInTask();
      groups = Math.ceilDiv(rows.count(), together);
      int threads = Math.min(workers.threads(), headsAtOnce * Math.max(2, groups));
      scratch.reserveArrays(threads, Math.max(Panels.ROOM, QueryTiles.size(together, layout, mine)));
      for (int t = 0; t < threads; t++) idle.add(new QueryTiles(together, rows, layout, mine));
    }

    /// Tiles of a task, such that all threads end at about the same time. Each task reads all keys of its head, as long as half of
    /// a tile takes.
    private int tilesInTask() {
      int best = TILES, threads = workers.threads();
      double least = Double.MAX_VALUE;
      for (int tiles = TILES; tiles > 0; tiles--) {
        int tasks = headsAtOnce * Math.ceilDiv(rows.count(), tiles);
        double time = (tiles + 0.5) * (Math.ceilDiv(tasks, threads) + (threads == 1 ? 0 : 0.25));
        if (time >= least) continue;
        least = time;
        best = tiles;
      }
      return best;
    }

    @Override
    public void run() {
      keys = mask.present(k.rows());
      try (var space = scratch.borrow(headsAtOnce * layout.size())) {
        panels = space.segment();
        for (firstHead = 0; firstHead < heads; firstHead += headsAtOnce) {
          int count = Math.min(headsAtOnce, heads - firstHead);
          workers.forEach(2 * count, pack);
          workers.forEach(count * groups, attend);
        }
      }
    }

    /// Copies the keys or values of one head into panels.
    private void pack(int task) {
      int head = firstHead + task / 2, o = head / q.inner(), i = head % q.inner();
      long at = task / 2 * layout.size();
      try (var room = scratch.borrowArray(Panels.ROOM)) {
        if (task % 2 == 0) layout.fillKeys(kt, o, i, keys, panels, at, room.floats());
        else layout.fillValues(v, o, i, keys, panels, at, room.floats());
      }
    }

    /// Computes some tiles of queries of one head.
    private void attend(int task) {
      int head = firstHead + task / groups;
      var tiles = borrowTiles();
      try (var space = scratch.borrowArray(QueryTiles.size(together, layout, mine))) {
        tiles.begin(space.floats(), task % groups * together, head / q.inner(), head % q.inner(), keys, panels,
            task / groups * layout.size());
        tiles.load(q, scale);
        tiles.meetKeys();
        tiles.write(to);
        tiles.end();
      }
      giveBack(tiles);
    }

    private QueryTiles borrowTiles() {
      synchronized (idle) {
        var tiles = idle.pollLast();
        return tiles == null ? new QueryTiles(together, rows, layout, mine) : tiles;
      }
    }

    private void giveBack(QueryTiles tiles) {
      synchronized (idle) {
        idle.addLast(tiles);
      }
    }
  }

  /// Computes the scores as a matrix product, then applies mask and softmax row by row.
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

  /// The layout of one head's keys and values in panels of [Weight#PANEL] columns: the transposed keys, then the values. The panels
  /// of a head start at position `at`.
  ///
  /// @param keys number of keys
  /// @param depth steps of a score: the size of a key
  /// @param outCols size of a value
  record HeadPanels(int keys, StepCut depth, int outCols) {
    /// Floats of the panels.
    long size() {
      return Panels.size(keys, depth.steps()) + Panels.size(outCols, keys);
    }

    /// Position of step `step` of key `key`.
    long keys(long at, int key, int step) {
      return at + Panels.position(key, depth.steps()) + (long) step * Weight.PANEL;
    }

    /// Position of column `col` of the value of key `key`.
    long values(long at, int col, int key) {
      return at + Panels.size(keys, depth.steps()) + Panels.position(col, keys) + (long) key * Weight.PANEL;
    }

    /// Fills the panels with the first `count` keys.
    void fillKeys(Matrices transposed, int o, int i, int count, MemorySegment panels, long at, float[] room) {
      for (int key = 0; key < count; key += WIDTH)
        Panels.fill(transposed, transposed.rows(), o, i, key, panels, keys(at, key, 0), keys(at, key + LANES, 0), room);
    }

    /// Fills the panels with the first `count` values.
    void fillValues(Matrices v, int o, int i, int count, MemorySegment panels, long at, float[] room) {
      for (int col = 0; col < outCols; col += WIDTH)
        Panels.fill(v, count, o, i, col, panels, values(at, col, 0), values(at, col + LANES, 0), room);
    }
  }
}
