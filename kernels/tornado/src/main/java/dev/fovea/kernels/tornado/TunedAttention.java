package dev.fovea.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.WorkerGrid3D;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Attention for the memories of a GPU, with the parameters and ints of [FormulasAttention].
///
/// A group of 256 work items computes 64 queries and 64 columns of a head's result. Of 64 keys at a time, it computes the scores
/// as [TunedProduct] computes a tile, turns them into weights in local memory, and adds the weighted values to sums in registers,
/// which shrink when a row's maximum grows (Dao et al., "FlashAttention", 2022). Each further 64 columns of values cost the scores
/// again.
final class TunedAttention {
  private static final int TILE = 64;
  private static final int DEPTH = 16;
  private static final int ITEMS = 256;
  private static final int LINE = TILE + 1;
  private static final int SECOND = DEPTH * LINE;
  private static final int STEP = 16;
  private static final int LOADS = TILE * DEPTH / ITEMS;
  /// Work items that share a row of scores, and the scores of each.
  private static final int SHARERS = ITEMS / TILE, SHARE = TILE / SHARERS;
  /// Where a row's maximum, its sum of weights, and the factor of its sums of values are.
  private static final int MAX = 0, SUM = TILE, SHRINK = 2 * TILE;

  private TunedAttention() {}

  /// The work items of [#attention].
  static WorkerGrid grid(int queries, int cols, int heads) {
    var grid = new WorkerGrid3D(Math.multiplyExact(Math.ceilDiv(queries, TILE), ITEMS), Math.ceilDiv(cols, TILE), heads);
    grid.setLocalWork(ITEMS, 1, 1);
    return grid;
  }

  /// One group for each row of [#attentionMaps].
  static WorkerGrid rows(int rows) {
    var grid = new WorkerGrid1D(Math.multiplyExact(rows, ITEMS));
    grid.setLocalWork(ITEMS, 1, 1);
    return grid;
  }

  /// [FormulasAttention#attention]
  static void attention(KernelContext context, FloatArray q, FloatArray k, FloatArray v, FloatArray keys, FloatArray bias,
      FloatArray gridRows, FloatArray gridCols, FloatArray length, FloatArray out, IntArray p, float scale) {
    float[] tile = context.allocateFloatLocalArray(2 * SECOND);
    float[] weights = context.allocateFloatLocalArray(TILE * LINE);
    float[] rows = context.allocateFloatLocalArray(3 * TILE);
    float[] maxima = context.allocateFloatLocalArray(ITEMS);
    float[] totals = context.allocateFloatLocalArray(ITEMS);
    float[] scores = new float[16], sums = new float[16];
    int item = context.localIdx, firstQuery = context.groupIdx * TILE, firstCol = context.groupIdy * TILE;
    int outer = context.groupIdz / p.get(10), head = context.groupIdz % p.get(10);
    int queries = p.get(11), depth = p.get(13), cols = p.get(14);
    int fromQ = p.get(1) + outer * p.get(18) + head * p.get(19), fromK = p.get(2) + outer * p.get(21) + head * p.get(22);
    int fromV = p.get(3) + outer * p.get(24) + head * p.get(25), to = p.get(9) + outer * p.get(27) + head * p.get(28);
    int line = item / DEPTH, part = item % DEPTH;
    int row = item / SHARERS, share = row * LINE + item % SHARERS * SHARE;
    int present = FormulasAttention.present(length, p), visible = FormulasAttention.visible(p, present, firstQuery + row);
    int last = FormulasAttention.visible(p, present, firstQuery + TILE - 1);
    int hasTerms = p.get(4) >= 0 || p.get(5) >= 0 || p.get(6) >= 0 ? 1 : 0;
    for (int i = 0; i < 16; i++) sums[i] = 0;
    if (item < TILE) {
      rows[MAX + item] = FormulasAttention.LEAST;
      rows[SUM + item] = 0;
    }
    for (int firstKey = 0; firstKey < last; firstKey += TILE) {
      // Scores, as the product of a tile.
      for (int i = 0; i < 16; i++) scores[i] = 0;
      for (int start = 0; start < depth; start += DEPTH) {
        for (int i = 0; i < LOADS; i++) {
          int query = firstQuery + line + i * STEP, key = firstKey + line + i * STEP, d = start + part;
          float a = 0, b = 0;
          if (query < queries && d < depth) a = q.get(fromQ + query * p.get(20) + d);
          if (key < last && d < depth) b = k.get(fromK + key * p.get(23) + d);
          tile[part * LINE + line + i * STEP] = a;
          tile[SECOND + part * LINE + line + i * STEP] = b;
        }
        context.localBarrier();
        for (int d = 0; d < DEPTH; d++) {
          int a = d * LINE + item / STEP, b = SECOND + d * LINE + item % STEP;
          TunedProduct.add(scores, tile[a], tile[a + STEP], tile[a + 2 * STEP], tile[a + 3 * STEP],
              tile[b], tile[b + STEP], tile[b + 2 * STEP], tile[b + 3 * STEP]);
        }
        context.localBarrier();
      }
      for (int i = 0; i < 16; i++)
        weights[(item / STEP + i / 4 * STEP) * LINE + item % STEP + i % 4 * STEP] = scale * scores[i];
      context.localBarrier();
      if (hasTerms == 1) {
        for (int i = item; i < TILE * TILE; i += ITEMS) {
          int query = firstQuery + i / TILE, key = firstKey + i % TILE;
          if (query < queries && key < last)
            weights[i / TILE * LINE + i % TILE] +=
                FormulasAttention.terms(keys, bias, gridRows, gridCols, p, outer, head, query, key);
        }
      }
      context.localBarrier();
      // Weights: four work items share a row.
      int seen = Math.max(0, Math.min(SHARE, visible - firstKey - item % SHARERS * SHARE));
      float max = FormulasAttention.LEAST;
      for (int i = 0; i < seen; i++) if (weights[share + i] > max) max = weights[share + i];
      maxima[item] = max;
      context.localBarrier();
      float before = rows[MAX + row], now = before, total = 0;
      for (int i = 0; i < SHARERS; i++) if (maxima[row * SHARERS + i] > now) now = maxima[row * SHARERS + i];
      for (int i = 0; i < seen; i++) {
        float score = weights[share + i], weight = 0;
        if (!(score < FormulasAttention.LEAST)) weight = TornadoMath.exp(score - now);
        total += weight;
        weights[share + i] = weight;
      }
      for (int i = seen; i < SHARE; i++) weights[share + i] = 0;
      totals[item] = total;
      context.localBarrier();
      if (item % SHARERS == 0) {
        float shrink = 1;
        if (now > before) shrink = TornadoMath.exp(before - now);
        float sum = rows[SUM + row] * shrink;
        for (int i = 0; i < SHARERS; i++) sum += totals[item + i];
        rows[MAX + row] = now;
        rows[SUM + row] = sum;
        rows[SHRINK + row] = shrink;
      }
      context.localBarrier();
      // Values.
      for (int i = 0; i < 16; i++) sums[i] *= rows[SHRINK + item / STEP + i / 4 * STEP];
      int keysHere = Math.min(TILE, last - firstKey);
      for (int start = 0; start < keysHere; start += DEPTH) {
        for (int i = 0; i < LOADS; i++) {
          int d = item / TILE + i * (ITEMS / TILE), key = firstKey + start + d, col = firstCol + item % TILE;
          float value = 0;
          if (key < last && col < cols) value = v.get(fromV + key * p.get(26) + col);
          tile[d * LINE + item % TILE] = value;
        }
        context.localBarrier();
        for (int d = 0; d < DEPTH; d++) {
          int a = item / STEP * LINE + start + d, b = d * LINE + item % STEP;
          TunedProduct.add(sums, weights[a], weights[a + STEP * LINE], weights[a + 2 * STEP * LINE], weights[a + 3 * STEP * LINE],
              tile[b], tile[b + STEP], tile[b + 2 * STEP], tile[b + 3 * STEP]);
        }
        context.localBarrier();
      }
    }
    for (int i = 0; i < 16; i++) weights[(item / STEP + i / 4 * STEP) * LINE + item % STEP + i % 4 * STEP] = sums[i];
    context.localBarrier();
    for (int i = item; i < TILE * TILE; i += ITEMS) {
      int query = firstQuery + i / TILE, col = firstCol + i % TILE;
      float sum = rows[SUM + i / TILE], result = 0;
      if (sum != 0) result = weights[i / TILE * LINE + i % TILE] / sum;
      if (query < queries && col < cols) out.set(to + query * p.get(29) + col, result);
    }
  }

  /// [FormulasAttention#attentionMaps]: a group a row.
  static void attentionMaps(KernelContext context, FloatArray q, FloatArray k, FloatArray keys, FloatArray bias,
      FloatArray gridRows, FloatArray gridCols, FloatArray length, FloatArray out, IntArray p, float scale) {
    float[] shared = context.allocateFloatLocalArray(ITEMS);
    int item = context.localIdx, i = context.groupIdx;
    int inner = p.get(10), queries = p.get(11), capacity = p.get(12), depth = p.get(13);
    int query = i % queries, head = i / queries % inner, outer = i / queries / inner;
    int fromQ = p.get(1) + outer * p.get(18) + head * p.get(19) + query * p.get(20);
    int fromK = p.get(2) + outer * p.get(21) + head * p.get(22);
    int to = p.get(9) + outer * p.get(27) + head * p.get(28) + query * p.get(29);
    int visible = FormulasAttention.visible(p, FormulasAttention.present(length, p), query);
    float max = FormulasAttention.LEAST;
    for (int key = item; key < visible; key += ITEMS) {
      float score = 0;
      for (int d = 0; d < depth; d++) score += q.get(fromQ + d) * k.get(fromK + key * p.get(23) + d);
      score = scale * score + FormulasAttention.terms(keys, bias, gridRows, gridCols, p, outer, head, query, key);
      if (score > max) max = score;
      out.set(to + key, score);
    }
    shared[item] = max;
    context.localBarrier();
    for (int half = ITEMS / 2; half > 0; half = half >> 1) {
      if (item < half && shared[item + half] > shared[item]) shared[item] = shared[item + half];
      context.localBarrier();
    }
    max = shared[0];
    context.localBarrier();
    float sum = 0;
    for (int key = item; key < visible; key += ITEMS) {
      float score = out.get(to + key), weight = 0;
      if (!(score < FormulasAttention.LEAST)) weight = TornadoMath.exp(score - max);
      sum += weight;
      out.set(to + key, weight);
    }
    shared[item] = sum;
    context.localBarrier();
    for (int half = ITEMS / 2; half > 0; half = half >> 1) {
      if (item < half) shared[item] += shared[item + half];
      context.localBarrier();
    }
    sum = shared[0];
    for (int key = item; key < capacity; key += ITEMS) {
      float weight = 0;
      if (key < visible && sum != 0) weight = out.get(to + key) / sum;
      out.set(to + key, weight);
    }
  }
}
