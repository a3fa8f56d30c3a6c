package dev.fovea.kernels.tornado;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Attention as a formula; see [Formulas].
///
/// Both kernels share the layout of `p`. Strides are in the order outer, inner, row; columns are adjacent.
///
/// | index | int |
/// |---|---|
/// | 0 | `outer · inner · queries` |
/// | 1 to 9 | q · k · v · keys · bias · gridRows · gridCols · length · out |
/// | 10 to 12 | inner · queries · number of keys (the capacity, if there is a length) |
/// | 13, 14 | columns of q and k · columns of v |
/// | 15 | 1 if causal, otherwise 0 |
/// | 16, 17 | rows and columns of the grid of keys; 0 if there is none |
/// | 18 to 20 | strides of q |
/// | 21 to 23 | strides of k |
/// | 24 to 26 | strides of v |
/// | 27 to 29 | strides of out |
/// | 30 to 32 | strides of bias |
/// | 33 to 35 | strides of gridRows |
/// | 36 to 38 | strides of gridCols |
final class FormulasAttention {
  /// Less than any finite score that occurs. Compilers of devices may assume that there is no infinity, and then compare with this
  /// one rightly.
  static final float LEAST = -3.4e38f;

  private FormulasAttention() {}

  /// `out = softmax(scale · q · kᵀ + mask) · v`, with the running maximum and sum of Milakov and Gimelshein (2018); the row of
  /// `out` holds the running sum of values. A query without visible keys, or with scores of `-∞` only, gets zeros.
  ///
  /// `p`: see [FormulasAttention]
  static void attention(FloatArray q, FloatArray k, FloatArray v, FloatArray keys, FloatArray bias, FloatArray gridRows,
      FloatArray gridCols, FloatArray length, FloatArray out, IntArray p, float scale) {
    int count = p.get(0), inner = p.get(10), queries = p.get(11), depth = p.get(14);
    for (@Parallel int i = 0; i < count; i++) {
      int query = i % queries, head = i / queries % inner, outer = i / queries / inner;
      int values = p.get(3) + outer * p.get(24) + head * p.get(25);
      int to = p.get(9) + outer * p.get(27) + head * p.get(28) + query * p.get(29);
      for (int d = 0; d < depth; d++) out.set(to + d, 0);
      int visible = visible(p, present(length, p), query);
      float max = LEAST, sum = 0;
      for (int key = 0; key < visible; key++) {
        float score = score(q, k, keys, bias, gridRows, gridCols, p, scale, outer, head, query, key);
        if (!(score < LEAST)) {
          if (score > max) {
            float shrink = TornadoMath.exp(max - score);
            sum *= shrink;
            for (int d = 0; d < depth; d++) out.set(to + d, out.get(to + d) * shrink);
            max = score;
          }
          float weight = TornadoMath.exp(score - max);
          sum += weight;
          for (int d = 0; d < depth; d++) out.set(to + d, out.get(to + d) + weight * v.get(values + key * p.get(26) + d));
        }
      }
      if (sum != 0) for (int d = 0; d < depth; d++) out.set(to + d, out.get(to + d) / sum);
    }
  }

  /// `out = softmax(scale · q · kᵀ + mask)`; hidden keys have weight 0.
  ///
  /// `p`: see [FormulasAttention], without v
  static void attentionMaps(FloatArray q, FloatArray k, FloatArray keys, FloatArray bias, FloatArray gridRows, FloatArray gridCols,
      FloatArray length, FloatArray out, IntArray p, float scale) {
    int count = p.get(0), inner = p.get(10), queries = p.get(11), capacity = p.get(12);
    for (@Parallel int i = 0; i < count; i++) {
      int query = i % queries, head = i / queries % inner, outer = i / queries / inner;
      int to = p.get(9) + outer * p.get(27) + head * p.get(28) + query * p.get(29);
      int visible = visible(p, present(length, p), query), seen = 0;
      float max = LEAST, sum = 0;
      for (int key = 0; key < capacity; key++) {
        float score = Float.NEGATIVE_INFINITY;
        if (key < visible) score = score(q, k, keys, bias, gridRows, gridCols, p, scale, outer, head, query, key);
        if (score > max) max = score;
        if (!(score < LEAST)) seen = 1;
        out.set(to + key, score);
      }
      for (int key = 0; key < capacity; key++) {
        float weight = TornadoMath.exp(out.get(to + key) - max);
        sum += weight;
        out.set(to + key, weight);
      }
      for (int key = 0; key < capacity; key++) out.set(to + key, seen == 0 ? 0 : out.get(to + key) / sum);
    }
  }

  /// The number of keys that are present. The length is read at each run; NaN and negative numbers count as 0.
  static int present(FloatArray length, IntArray p) {
    int capacity = p.get(12), present = capacity;
    if (p.get(8) >= 0) {
      float given = length.get(p.get(8));
      present = given < capacity ? given > 0 ? (int) given : 0 : given > 0 ? capacity : 0;
    }
    return present;
  }

  /// The number of keys, from the first, that a query sees.
  static int visible(IntArray p, int present, int query) {
    int last = query + 1 + present - p.get(11);
    if (p.get(15) == 0) last = present;
    return last < 0 ? 0 : last > present ? present : last;
  }

  /// `scale · q · k + keys + bias + gridRows + gridCols` of a query and a key.
  private static float score(FloatArray q, FloatArray k, FloatArray keys, FloatArray bias, FloatArray gridRows, FloatArray gridCols,
      IntArray p, float scale, int outer, int head, int query, int key) {
    int fromQ = p.get(1) + outer * p.get(18) + head * p.get(19) + query * p.get(20);
    int fromK = p.get(2) + outer * p.get(21) + head * p.get(22) + key * p.get(23);
    int depth = p.get(13);
    float product = 0;
    for (int d = 0; d < depth; d++) product += q.get(fromQ + d) * k.get(fromK + d);
    return scale * product + terms(keys, bias, gridRows, gridCols, p, outer, head, query, key);
  }

  /// `keys + bias + gridRows + gridCols` of a query and a key.
  static float terms(FloatArray keys, FloatArray bias, FloatArray gridRows, FloatArray gridCols, IntArray p, int outer, int head,
      int query, int key) {
    float sum = 0;
    if (p.get(5) >= 0) sum += bias.get(p.get(5) + outer * p.get(30) + head * p.get(31) + query * p.get(32) + key);
    if (p.get(4) >= 0) sum += keys.get(p.get(4) + outer * p.get(12) + key);
    if (p.get(6) >= 0) {
      int rows = p.get(16), cols = p.get(17);
      sum += gridRows.get(p.get(6) + outer * p.get(33) + head * p.get(34) + query * p.get(35) + rows - 1 - key / cols)
          + gridCols.get(p.get(7) + outer * p.get(36) + head * p.get(37) + query * p.get(38) + cols - 1 - key % cols);
    }
    return sum;
  }
}
