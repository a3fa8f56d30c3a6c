package dev.fovea.kernels.vector;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// [FusedAttention] in scalar loops, without a mask. All data is transposed: scores, exponentials, sums and outputs are columns
/// with one number per query, so that every loop runs over the queries.
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

  void run(Matrices q, Matrices k, Matrices v, Matrices out, float scale) {
    int blocks = Math.ceilDiv(q.rows(), QUERIES);
    ColdStart.count((long) q.outer() * q.inner() * q.rows() * k.rows() * (k.cols() + v.cols()));
    workers.forEach(q.outer() * q.inner() * blocks, task -> {
      int block = task % blocks, head = task / blocks, o = head / q.inner(), i = head % q.inner();
      int first = (int) ((long) q.rows() * block / blocks), count = (int) ((long) q.rows() * (block + 1) / blocks) - first;
      var queries = pool.borrow(k.cols());
      load(q, o, i, first, count, scale, queries);
      var sums = new Sums(pool, v.cols(), count);
      for (int key = 0; key < k.rows(); key += QueryTiles.BLOCK)
        meet(queries, k, v, o, i, key, Math.min(QueryTiles.BLOCK, k.rows() - key), sums);
      write(sums, out, o, i, first);
      pool.giveBack(queries);
      sums.giveBack(pool);
    });
  }

  /// The running sums of some queries.
  ///
  /// @param lanes the sums of exponentials, one for each lane of a vector, as in [QueryTiles]
  private record Sums(float[][] outputs, float[][] lanes, float[][] maxima, int count) {
    Sums(ColumnPool pool, int cols, int count) {
      this(pool.borrow(cols), pool.borrow(Simd.LANES), pool.borrow(1), count);
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
  private void meet(float[][] queries, Matrices k, Matrices v, int o, int i, int key, int keys, Sums sums) {
    int count = sums.count, depth = k.cols(), cols = v.cols();
    var scores = pool.borrow(keys);
    var part = pool.borrow(cols);
    try (var loan = scratch.borrowArray(keys * Math.max(depth, cols))) {
      float[] rows = loan.floats();
      read(k, o, i, key, keys, rows);
      ScalarMicroKernel.run(queries, 0, rows, 0, 1, depth, depth, scores, 0, keys, count);
      softmax(scores, sums);
      read(v, o, i, key, keys, rows);
      ScalarMicroKernel.run(scores, 0, rows, 0, cols, 1, keys, part, 0, cols, count);
      ScalarMicroKernel.add(part, sums.outputs, 0, cols, count);
    }
    pool.giveBack(scores);
    pool.giveBack(part);
  }

  /// Copies rows `row … row + count - 1` in row-major order.
  private static void read(Matrices m, int o, int i, int row, int count, float[] to) {
    for (int r = 0; r < count; r++)
      MemorySegment.copy(m.segment(), Simd.FLOAT, 4 * m.index(o, i, row + r, 0), to, r * m.cols(), m.cols());
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
  private void write(Sums sums, Matrices out, int o, int i, int first) {
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
        MemorySegment.copy(line, 0, out.segment(), Simd.FLOAT, 4 * out.index(o, i, first + q, 0), out.cols());
      }
    }
  }
}
