package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.MAX_ROWS;
import static dev.fovea.kernels.vector.MicroKernel.STRIDE;
import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;
import static dev.fovea.kernels.vector.Simd.all;
import static dev.fovea.kernels.vector.Simd.first;

import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Matrices;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// Tiles of queries of one head, with their running sums.
///
/// All data is in one array: the scores of one tile; the queries of each tile; the output rows of each tile; the running maxima of
/// each tile's rows; the rescaling factors of one tile's rows; a vector of running sums for each row, whose lanes are added at the
/// very end; and with a grid bias, its numbers for each row's grid columns and grid rows. The scores of a tile have the row format
/// of [MicroKernel], so that they are multiplied by the values in place.
final class QueryTiles {
  private static final float[] NOTHING = {};
  private static final int SCORES = MAX_ROWS * STRIDE;
  /// Keys in a block: each block costs a rescaling of the earlier sums, but its scores stay in the near caches. A row of scores has
  /// room for [MicroKernel#MAX_STEPS].
  static final int BLOCK = 512;

  private final int room;
  private final RowCut rows;
  private final FusedAttention.HeadPanels head;
  private final AttentionMask mask;
  private final int outStride;
  private float[] s = NOTHING;
  private int firstTile;
  private int tiles;
  private int o;
  private int i;
  private int keys;
  private MemorySegment panels;
  private long at;

  /// @param room most tiles at once
  QueryTiles(int room, RowCut rows, FusedAttention.HeadPanels head, AttentionMask mask) {
    this.room = room;
    this.rows = rows;
    this.head = head;
    this.mask = mask;
    outStride = Math.ceilDiv(head.outCols(), WIDTH) * WIDTH;
  }

  /// Starts work on other tiles.
  ///
  /// @param s [#size] floats
  /// @param firstTile index of the first tile of the rows
  /// @param keys number of keys present
  /// @param panels the head's keys and values, from float `at` on
  void begin(float[] s, int firstTile, int o, int i, int keys, MemorySegment panels, long at) {
    this.s = s;
    this.firstTile = firstTile;
    tiles = Math.min(room, rows.count() - firstTile);
    this.o = o;
    this.i = i;
    this.keys = keys;
    this.panels = panels;
    this.at = at;
  }

  static int size(int room, FusedAttention.HeadPanels head, AttentionMask mask) {
    int outStride = Math.ceilDiv(head.outCols(), WIDTH) * WIDTH;
    return SCORES * (1 + room * head.depth().count()) + room * MAX_ROWS * (outStride + 1 + LANES + gridSize(mask)) + MAX_ROWS;
  }

  /// Floats of the grid bias of one row: its columns, one vector of padding, and its rows.
  private static int gridSize(AttentionMask mask) {
    return mask.grid() == null ? 0 : mask.grid().cols().cols() + LANES + mask.grid().rows().cols();
  }

  /// Position of the grid columns of row `r` of a tile; its grid rows follow after a vector of padding.
  private int grid(int tile, int r) {
    return sums(room) + (tile * MAX_ROWS + r) * gridSize(mask);
  }

  private int queries(int tile, int piece) {
    return SCORES + (tile * head.depth().count() + piece) * SCORES;
  }

  private int output(int tile) {
    return queries(room, 0) + tile * MAX_ROWS * outStride;
  }

  /// Position of the maxima of a tile's rows.
  private int maxima(int tile) {
    return output(room) + tile * MAX_ROWS;
  }

  /// Position of the sums of a tile's rows, one vector each.
  private int sums(int tile) {
    return maxima(room + 1) + tile * MAX_ROWS * LANES;
  }

  /// Copies the scaled queries and resets the sums.
  void load(Matrices q, float scale) {
    for (int t = 0; t < tiles; t++) {
      int count = rows.rows(firstTile + t);
      for (int p = 0; p < head.depth().count(); p++) {
        int to = queries(t, p), length = head.depth().length(p);
        for (int r = 0; r < count; r++, to += STRIDE)
          scaled(q.segment(), q.index(o, i, rows.start(firstTile + t) + r, head.depth().start(p)), length, scale, to);
        for (int r = count; r < MicroKernel.height(count); r++, to += STRIDE) Arrays.fill(s, to, to + length, 0);
      }
      Arrays.fill(s, maxima(t), maxima(t + 1), Float.NEGATIVE_INFINITY);
      Arrays.fill(s, sums(t), sums(t + 1), 0);
    }
  }

  /// `s[to + j] = factor · x[from + j]`
  private void scaled(MemorySegment x, long from, int n, float factor, int to) {
    Simd.expectPlain(x);
    int j = 0;
    for (; j + LANES <= n; j += LANES) FloatVector.fromMemorySegment(F, x, 4 * (from + j), ORDER).mul(factor).intoArray(s, to + j);
    for (; j < n; j++) s[to + j] = factor * Simd.at(x, from + j);
  }

  void meetKeys() {
    if (mask.grid() != null) loadGrid();
    boolean hides = mask.causal() || mask.keys() != null || mask.bias() != null;
    int last = rows.start(firstTile + tiles) - 1, visible = mask.visible(last, rows.rows(), keys);
    if (visible == 0) Arrays.fill(s, output(0), output(tiles), 0);
    for (int key = 0; key < visible; key += BLOCK) {
      int count = Math.min(BLOCK, visible - key);
      for (int t = 0; t < tiles; t++) {
        if (mask.grid() != null) grid(t, key, count);
        scores(t, key, count);
        if (hides) hide(t, key, count);
        softmax(t, count);
        values(t, key, count);
      }
    }
  }

  /// Computes `q · kᵀ` for keys `key … key + count - 1`, padded with `-∞` to a whole vector.
  private void scores(int tile, int key, int count) {
    int rows = this.rows.rows(firstTile + tile);
    for (int c = 0; c < count; c += WIDTH)
      for (int p = 0; p < head.depth().count(); p++)
        multiply(rows, queries(tile, p), head.keys(at, key + c, head.depth().start(p)),
            head.keys(at, key + c + LANES, head.depth().start(p)),
            count - c, head.depth().length(p), c, STRIDE, p > 0 || mask.grid() != null);
    int last = Math.ceilDiv(count, LANES) * LANES - LANES;
    if (last + LANES > count) {
      var present = first(count - last);
      for (int at = last; at < rows * STRIDE; at += STRIDE)
        all(Float.NEGATIVE_INFINITY).blend(FloatVector.fromArray(F, s, at), present).intoArray(s, at);
    }
  }

  /// Copies the numbers of the grid bias for columns and rows, in the order of the keys.
  private void loadGrid() {
    var grid = mask.grid();
    int cols = grid.cols().cols();
    for (int t = 0; t < tiles; t++)
      for (int r = 0; r < rows.rows(firstTile + t); r++) {
        int query = rows.start(firstTile + t) + r, at = grid(t, r);
        for (int c = 0; c < cols; c++) s[at + c] = Simd.at(grid.cols().segment(), grid.col(o, i, query, c));
        for (int y = 0; y < grid.rows().cols(); y++)
          s[at + cols + LANES + y] = Simd.at(grid.rows().segment(), grid.row(o, i, query, y));
      }
  }

  /// Initialises the scores of keys `key … key + count - 1` with the grid bias, to which the product is added: one store per vector
  /// instead of a second pass. Whole vectors are written; the excess past the end of a grid row is overwritten by the next row, and
  /// there is room after the last key.
  private void grid(int tile, int key, int count) {
    int cols = mask.grid().cols().cols();
    for (int r = 0; r < rows.rows(firstTile + tile); r++) {
      int from = grid(tile, r);
      for (int done = 0; done < count; ) {
        int y = (key + done) / cols, c = (key + done) % cols, n = Math.min(cols - c, count - done);
        float row = s[from + cols + LANES + y];
        for (int j = 0; j < n; j += LANES) FloatVector.fromArray(F, s, from + c + j).add(row).intoArray(s, r * STRIDE + done + j);
        done += n;
      }
    }
  }

  /// Adds the bias and the key mask to the scores of keys `key … key + count - 1`, and sets those of invisible keys to `-∞`.
  private void hide(int tile, int key, int count) {
    for (int r = 0; r < rows.rows(firstTile + tile); r++) {
      int query = rows.start(firstTile + tile) + r, row = r * STRIDE;
      int visible = Math.clamp((long) mask.visible(query, rows.rows(), keys) - key, 0, count);
      if (mask.bias() != null) add(row, mask.bias().segment(), mask.bias().index(o, i, query, key), visible);
      if (mask.keys() != null) add(row, mask.keys(), (long) o * keys + key, visible);
      Arrays.fill(s, row + visible, row + count, Float.NEGATIVE_INFINITY);
    }
  }

  private void add(int to, MemorySegment x, long from, int n) {
    for (int j = 0; j < n; j++) s[to + j] += Simd.at(x, from + j);
  }

  /// Replaces a block of scores by `exp(score - maximum)` and rescales sums with a smaller maximum. The maxima of all rows come
  /// first, so that the processor overlaps the work on different rows.
  private void softmax(int tile, int count) {
    int end = Math.ceilDiv(count, LANES) * LANES, height = rows.rows(firstTile + tile), max = maxima(tile);
    for (int r = 0; r < height; r++) {
      float before = s[max + r], now = Math.max(before, VectorMath.max(s, r * STRIDE, r * STRIDE + end));
      s[max + r] = now;
      s[maxima(room) + r] = before == now || before == Float.NEGATIVE_INFINITY ? 1 : (float) Math.exp(before - now);
    }
    for (int r = 0; r < height; r++) {
      float now = s[max + r], keep = s[maxima(room) + r];
      // The maximum of a row of only -∞ so far is not subtracted: its exponentials are zeros, not NaN.
      if (keep != 1) {
        Elements.scale(s, sums(tile) + r * LANES, sums(tile) + (r + 1) * LANES, keep);
        Elements.scale(s, output(tile) + r * outStride, output(tile) + (r + 1) * outStride, keep);
      }
      float shift = now == Float.NEGATIVE_INFINITY ? 0 : now;
      VectorMath.weights(s, r * STRIDE, r * STRIDE + end, shift, sums(tile) + r * LANES);
    }
  }

  /// Adds the block's weights times its values to the output rows; the first block overwrites them.
  private void values(int tile, int key, int count) {
    for (int col = 0; col < head.outCols(); col += WIDTH)
      multiply(rows.rows(firstTile + tile), 0, head.values(at, col, key), head.values(at, col + LANES, key), head.outCols() - col,
          count, output(tile) + col, outStride, key > 0);
  }

  /// Multiplies rows of the array by a panel with `cols` columns left, and stores or adds the product.
  private void multiply(int rows, int x, long w0, long w1, int cols, int steps, int out, int stride, boolean add) {
    if (cols <= LANES) MicroKernel.runFirst(MicroKernel.height(rows), s, x, panels, w0, steps, s, out, stride, add);
    else MicroKernel.run(MicroKernel.height(rows), s, x, panels, w0, w1, steps, s, out, stride, add, 4 * w0, 0);
  }

  /// Divides by the sums and writes the result: zeros for a query that saw no key. The factors of all rows come first, so that the
  /// processor overlaps the work on different rows.
  void write(Matrices out) {
    var segment = out.segment();
    Simd.expectPlain(segment);
    int whole = head.outCols() / LANES * LANES, factors = maxima(room);
    var rest = first(head.outCols() - whole);
    for (int t = 0; t < tiles; t++) {
      int height = rows.rows(firstTile + t), sum = sums(t);
      for (int r = 0; r < height; r++, sum += LANES) s[factors + r] = Simd.sumOfHalves(FloatVector.fromArray(F, s, sum));
      for (int r = 0; r < height; r++) {
        float factor = s[factors + r] == 0 ? 0 : 1 / s[factors + r];
        int from = output(t) + r * outStride;
        long to = out.index(o, i, rows.start(firstTile + t) + r, 0);
        for (int c = 0; c < whole; c += LANES)
          FloatVector.fromArray(F, s, from + c).mul(factor).intoMemorySegment(segment, 4 * (to + c), ORDER);
        if (whole < head.outCols())
          FloatVector.fromArray(F, s, from + whole).mul(factor).intoMemorySegment(segment, 4 * (to + whole), ORDER, rest);
      }
    }
  }

  /// Ends the work on these tiles: whoever keeps this object keeps nothing that was borrowed for them.
  void end() {
    s = NOTHING;
    panels = MemorySegment.NULL;
  }
}
