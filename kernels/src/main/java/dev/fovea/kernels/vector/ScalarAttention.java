package dev.fovea.kernels.vector;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation.Attention;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// [FusedAttention] in scalar loops, without a mask or with a causal one. All data is transposed: scores, exponentials, sums and
/// outputs are columns with one number per query, so that every loop runs over the queries.
final class ScalarAttention {
  private static final int QUERIES = ColumnPool.LENGTH;

  private final Workers workers;
  private final ScratchPool scratch;
  private final ColumnPool pool;

  ScalarAttention(Workers workers, ScratchPool scratch, ColumnPool pool) {
    this.workers = workers;
    this.scratch = scratch;
    this.pool = pool;
  }

  /// @param op its mask has no length and adds nothing to the scores; a score is summed in one piece
  void run(Attention op) {
    Matrices q = op.q(), k = op.k(), v = op.v();
    ColdStart.count(op.macs());
    // A causal mask takes the tasks of FusedAttention: a sum depends, in its last bit, on the hidden keys that take part in it.
    var cut = RowCut.of(q.rows());
    boolean causal = op.mask().causal();
    int blocks = causal ? FusedAttention.groups(cut) : Math.ceilDiv(q.rows(), QUERIES);
    workers.forEach(q.outer() * q.inner() * blocks, task -> {
      int block = task % blocks, head = task / blocks, o = head / q.inner(), i = head % q.inner();
      int first = causal ? FusedAttention.start(cut, block) : (int) ((long) q.rows() * block / blocks);
      int end = causal ? FusedAttention.start(cut, block + 1) : (int) ((long) q.rows() * (block + 1) / blocks);
      var queries = pool.borrow(k.cols());
      load(q, o, i, first, end - first, op.scale(), queries);
      var sums = new Sums(pool, v.cols(), first, end - first);
      int visible = op.mask().visible(end - 1, q.rows(), k.rows());
      for (int key = 0; key < visible; key += QueryTiles.BLOCK)
        meet(queries, op, o, i, key, Math.min(QueryTiles.BLOCK, visible - key), sums);
      write(sums, op.to(), o, i);
      pool.giveBack(queries);
      sums.giveBack(pool);
    });
  }

  /// The running sums of queries `first … first + count - 1`.
  ///
  /// @param lanes the sums of exponentials, one for each lane of a vector, as in [QueryTiles]
  private record Sums(float[][] outputs, float[][] lanes, float[][] maxima, int first, int count) {
    Sums(ColumnPool pool, int cols, int first, int count) {
      this(pool.borrow(cols), pool.borrow(Simd.LANES), pool.borrow(1), first, count);
      for (var column : outputs) Arrays.fill(column, 0, count, 0);
      for (var column : lanes) Arrays.fill(column, 0, count, 0);
      Arrays.fill(maxima[0], 0, count, Float.NEGATIVE_INFINITY);
    }

    void giveBack(ColumnPool pool) {
      pool.giveBack(outputs);
      pool.giveBack(lanes);
      pool.giveBack(maxima);
    }
  }

  /// Copies the scaled queries, one column per dimension.
  private void load(Matrices q, int o, int i, int first, int count, float scale, float[][] queries) {
    try (var loan = scratch.borrowArray(q.cols())) {
      float[] line = loan.floats();
      for (int r = 0; r < count; r++) {
        MemorySegment.copy(q.segment(), Simd.FLOAT, 4 * q.index(o, i, first + r, 0), line, 0, q.cols());
        for (int d = 0; d < q.cols(); d++) queries[d][r] = line[d] * scale;
      }
    }
  }

  /// Processes a block of keys and their values.
  private void meet(float[][] queries, Attention op, int o, int i, int key, int keys, Sums sums) {
    Matrices k = op.k(), v = op.v();
    int count = sums.count, depth = k.cols(), cols = v.cols();
    var scores = pool.borrow(keys);
    var part = pool.borrow(cols);
    try (var loan = scratch.borrowArray(keys * Math.max(depth, cols))) {
      float[] rows = loan.floats();
      read(k, o, i, key, keys, rows);
      ScalarMicroKernel.run(queries, 0, rows, 0, 1, depth, depth, scores, 0, keys, count);
      if (op.mask().causal()) hide(scores, op, key, sums);
      softmax(scores, sums);
      read(v, o, i, key, keys, rows);
      ScalarMicroKernel.run(scores, 0, rows, 0, cols, 1, keys, key == 0 ? sums.outputs : part, 0, cols, count);
      if (key > 0) ScalarMicroKernel.add(part, sums.outputs, 0, cols, count);
    }
    pool.giveBack(scores);
    pool.giveBack(part);
  }

  /// Copies rows `row … row + count - 1` in row-major order.
  private static void read(Matrices m, int o, int i, int row, int count, float[] to) {
    for (int r = 0; r < count; r++)
      MemorySegment.copy(m.segment(), Simd.FLOAT, 4 * m.index(o, i, row + r, 0), to, r * m.cols(), m.cols());
  }

  /// Sets the scores of invisible keys, from key `key` on, to `-∞`.
  private static void hide(float[][] scores, Attention op, int key, Sums sums) {
    for (int q = 0; q < sums.count; q++) {
      int visible = op.mask().visible(sums.first + q, op.q().rows(), op.k().rows());
      for (int j = Math.max(0, visible - key); j < scores.length; j++) scores[j][q] = Float.NEGATIVE_INFINITY;
    }
  }

  /// As in [QueryTiles]: replaces scores by `exp(score - maximum)` and rescales sums with a smaller maximum.
  private void softmax(float[][] scores, Sums sums) {
    int count = sums.count;
    var rescaling = pool.borrow(2);
    float[] max = sums.maxima[0], before = rescaling[0], keep = rescaling[1];
    System.arraycopy(max, 0, before, 0, count);
    for (var column : scores) max(column, max, count);
    for (int q = 0; q < count; q++)
      keep[q] = before[q] == max[q] ? 1 : before[q] == Float.NEGATIVE_INFINITY ? 0 : (float) Math.exp(before[q] - max[q]);
    // From here on the maximum to subtract: 0 if all scores are -∞ so far.
    for (int q = 0; q < count; q++) before[q] = max[q] == Float.NEGATIVE_INFINITY ? 0 : max[q];
    ScalarMicroKernel.scale(sums.lanes, Simd.LANES, keep, count);
    exponentials(scores, before, sums.lanes, count);
    ScalarMicroKernel.scale(sums.outputs, sums.outputs.length, keep, count);
    pool.giveBack(rescaling);
  }

  /// As in [VectorMath#weights]: short blocks are summed plainly, and their sums are added with Kahan's compensation.
  private void exponentials(float[][] scores, float[] max, float[][] totals, int count) {
    float[][] part = pool.borrow(Simd.LANES), lost = pool.borrow(Simd.LANES);
    for (var column : part) Arrays.fill(column, 0, count, 0);
    for (var column : lost) Arrays.fill(column, 0, count, 0);
    for (int block = 0; block < scores.length; block += VectorMath.BLOCK) {
      for (int key = block; key < Math.min(scores.length, block + VectorMath.BLOCK); key++)
        weights(scores[key], max, part[key % Simd.LANES], count);
      for (int lane = 0; lane < Simd.LANES; lane++) addUp(part[lane], lost[lane], totals[lane], count);
    }
    pool.giveBack(part);
    pool.giveBack(lost);
  }

  private static void addUp(float[] part, float[] lost, float[] total, int count) {
    for (int q = 0; q < count; q++) {
      float addend = part[q] - lost[q], next = total[q] + addend;
      lost[q] = next - total[q] - addend;
      total[q] = next;
      part[q] = 0;
    }
  }

  private static void max(float[] s, float[] max, int count) {
    for (int q = 0; q < count; q++) max[q] = Math.max(max[q], s[q]);
  }

  static void weights(float[] s, float[] max, float[] sum, int count) {
    for (int q = 0; q < count; q++) {
      float e = ScalarMath.weight(s[q], max[q]);
      s[q] = e;
      sum[q] += e;
    }
  }

  /// Adds the lanes as in [Simd#sumOfHalves], divides by the sums and writes rows.
  private void write(Sums sums, Matrices out, int o, int i) {
    for (int half = Simd.LANES / 2; half > 0; half /= 2)
      for (int lane = 0; lane < half; lane++) {
        float[] a = sums.lanes[lane], b = sums.lanes[lane + half];
        for (int q = 0; q < sums.count; q++) a[q] += b[q];
      }
    float[] factor = sums.lanes[0];
    for (int q = 0; q < sums.count; q++) factor[q] = factor[q] == 0 ? 0 : 1 / factor[q];
    ScalarMicroKernel.scale(sums.outputs, sums.outputs.length, factor, sums.count);
    try (var loan = scratch.borrowArray(out.cols())) {
      float[] line = loan.floats();
      for (int q = 0; q < sums.count; q++) {
        for (int c = 0; c < out.cols(); c++) line[c] = sums.outputs[c][q];
        MemorySegment.copy(line, 0, out.segment(), Simd.FLOAT, 4 * out.index(o, i, sums.first + q, 0), out.cols());
      }
    }
  }
}
