package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;

import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation.Attention;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/// Attention of few queries, such as those of one token, which reads keys and values where they lie: [FusedAttention] copies them
/// into panels first, which takes longer than the few products with them. For one query of 1,000 keys this takes a half to a third
/// of the time, and no memory.
///
/// A task computes a head: the scores of all keys, then the softmax of each query, then the sums of values.
final class FewQueries {
  /// Most queries of a head: up to four, this kernel was faster at all sizes measured; up to eight, only with wide keys.
  private static final int MOST = 8, MOST_NARROW = 4, WIDE = 64;
  /// Keys whose values stay in the first-level cache while all queries use them. Their weighted sum is added to the total: short
  /// chains keep rounding errors small.
  static final int BLOCK = 64;
  /// Floats of values that a loop sums at a time, four vectors.
  private static final int WIDTH = 4 * LANES;

  // Lanes exchanged with those a half, a quarter, … of a vector away, and the lanes with the larger index of each two.
  private static final VectorShuffle<Float> BY_HALF = exchange(2), BY_QUARTER = exchange(4), BY_EIGHTH = exchange(8),
      BY_SIXTEENTH = exchange(16);
  private static final VectorMask<Float> UPPER_HALF = upper(2), UPPER_QUARTER = upper(4), UPPER_EIGHTH = upper(8),
      UPPER_SIXTEENTH = upper(16);
  /// Lane `i` from the lane whose index has the bits of `i` in reverse order.
  private static final VectorShuffle<Float> REVERSED_BITS =
      VectorShuffle.fromOp(F, lane -> Integer.reverse(lane) >>> 1 + Integer.numberOfLeadingZeros(LANES));

  private final Workers workers;
  private final ScratchPool scratch;

  FewQueries(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  private static VectorShuffle<Float> exchange(int part) {
    return VectorShuffle.fromOp(F, lane -> lane ^ LANES / part);
  }

  private static VectorMask<Float> upper(int part) {
    return VectorMask.fromLong(F, IntStream.range(0, LANES).filter(i -> (i & LANES / part) != 0).mapToLong(i -> 1L << i).sum());
  }

  /// Whether an attention has few queries and nothing that is added to the scores.
  static boolean suits(Attention op) {
    var mask = op.mask();
    int most = op.q().cols() < WIDE ? MOST_NARROW : MOST;
    return op.q().rows() <= most && mask.keys() == null && mask.bias() == null && mask.grid() == null;
  }

  /// The attention as a step that runs any number of times, by one thread at a time. A run allocates nothing.
  Runnable bind(Attention op) {
    return new Step(op, new Layout(op));
  }

  /// The places in the array of a task: the queries, padded with zeros; the scores of each query; the output rows; the factor of
  /// each output row; a vector of sums; and sums of products.
  ///
  /// @param queryStride floats from one query to the next
  record Layout(int rows, int queryStride, int scoreStride, int outStride) {
    Layout(Attention op) {
      this(op.q().rows(), whole(op.q().cols()), whole(op.k().rows()), whole(op.v().cols()));
    }

    static int whole(int n) {
      return Math.ceilDiv(n, LANES) * LANES;
    }

    int query(int r) {
      return r * queryStride;
    }

    int scores(int r) {
      return Math.addExact(query(rows), Math.multiplyExact(r, scoreStride));
    }

    int output(int r) {
      return Math.addExact(scores(rows), r * outStride);
    }

    int factor(int r) {
      return Math.addExact(output(rows), r);
    }

    int sums() {
      return factor(rows);
    }

    int products() {
      return Math.addExact(sums(), LANES);
    }

    int room() {
      return Math.addExact(products(), 4 * LANES);
    }
  }

  private final class Step implements Runnable {
    private final Matrices q, k, v, to;
    private final AttentionMask mask, mine;
    private final float scale;
    private final Layout layout;
    private final Workers.Task attend = this::attend;
    private int keys;

    Step(Attention op, Layout layout) {
      q = op.q();
      k = op.k();
      v = op.v();
      to = op.to();
      mask = op.mask();
      mine = mask.withoutLength();
      scale = op.scale();
      this.layout = layout;
      scratch.reserveArrays(Math.min(workers.threads(), q.outer() * q.inner()), layout.room());
    }

    @Override
    public void run() {
      keys = mask.present(k.rows());
      workers.forEach(q.outer() * q.inner(), attend);
    }

    private void attend(int head) {
      int o = head / q.inner(), i = head % q.inner(), rows = q.rows();
      try (var loan = scratch.borrowArray(layout.room())) {
        float[] s = loan.floats();
        for (int r = 0; r < rows; r++) load(q.segment(), q.index(o, i, r, 0), q.cols(), scale, s, layout.query(r));
        int visible = mine.visible(rows - 1, rows, keys);
        for (int key = 0; key < visible; key += LANES)
          for (int r = 0; r < rows; r++) scores(o, i, key, visible - 1, s, layout.query(r), layout.scores(r) + key);
        Arrays.fill(s, layout.output(0), layout.factor(rows), 0);
        for (int r = 0; r < rows; r++) {
          int seen = mine.visible(r, rows, keys);
          if (seen > 0) s[layout.factor(r)] = weights(s, layout.scores(r), seen, layout.sums());
        }
        for (int key = 0; key < visible; key += BLOCK)
          for (int r = 0; r < rows; r++) {
            int seen = mine.visible(r, rows, keys);
            if (key < seen)
              values(v.segment(), v.index(o, i, key, 0), v.rowStride(), Math.min(BLOCK, seen - key), v.cols(), s,
                  layout.scores(r) + key, layout.output(r));
          }
        for (int r = 0; r < rows; r++)
          write(s, layout.output(r), s[layout.factor(r)], v.cols(), to.segment(), to.index(o, i, r, 0));
      }
    }

    /// The scores of one query and [Simd#LANES] keys from `key` on; of those after the last one, numbers that nobody reads.
    private void scores(int o, int i, int key, int last, float[] s, int query, int score) {
      int at = layout.products();
      for (int j = 0; j < LANES; j += 4)
        products(k.segment(), k.index(o, i, Math.min(last, key + j), 0), k.index(o, i, Math.min(last, key + j + 1), 0),
            k.index(o, i, Math.min(last, key + j + 2), 0), k.index(o, i, Math.min(last, key + j + 3), 0), k.cols(), s, query,
            at + j / 4 * LANES);
      sum(s, at, score);
    }
  }

  /// `s[to + d] = scale · x[from + d]`, padded with zeros.
  private static void load(MemorySegment x, long from, int n, float scale, float[] s, int to) {
    Simd.expectPlain(x);
    int d = 0;
    for (; d + LANES <= n; d += LANES) FloatVector.fromMemorySegment(F, x, 4 * (from + d), ORDER).mul(scale).intoArray(s, to + d);
    if (d < n) FloatVector.fromMemorySegment(F, x, 4 * (from + d), ORDER, Simd.first(n - d)).mul(scale).intoArray(s, to + d);
  }

  /// The products of a query and four keys, summed lane by lane, then folded: the lanes of the result with the same two highest
  /// bits of their index belong to one key. Each fold adds the halves of two vectors, whose sums become the halves of one.
  static void products(MemorySegment k, long k0, long k1, long k2, long k3, int n, float[] s, int query, int to) {
    Simd.expectPlain(k);
    FloatVector sum0 = FloatVector.zero(F), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    int d = 0;
    for (; d + LANES <= n; d += LANES) {
      var q = FloatVector.fromArray(F, s, query + d);
      sum0 = FloatVector.fromMemorySegment(F, k, 4 * (k0 + d), ORDER).fma(q, sum0);
      sum1 = FloatVector.fromMemorySegment(F, k, 4 * (k1 + d), ORDER).fma(q, sum1);
      sum2 = FloatVector.fromMemorySegment(F, k, 4 * (k2 + d), ORDER).fma(q, sum2);
      sum3 = FloatVector.fromMemorySegment(F, k, 4 * (k3 + d), ORDER).fma(q, sum3);
    }
    if (d < n) {
      var rest = Simd.first(n - d);
      var q = FloatVector.fromArray(F, s, query + d);
      sum0 = FloatVector.fromMemorySegment(F, k, 4 * (k0 + d), ORDER, rest).fma(q, sum0);
      sum1 = FloatVector.fromMemorySegment(F, k, 4 * (k1 + d), ORDER, rest).fma(q, sum1);
      sum2 = FloatVector.fromMemorySegment(F, k, 4 * (k2 + d), ORDER, rest).fma(q, sum2);
      sum3 = FloatVector.fromMemorySegment(F, k, 4 * (k3 + d), ORDER, rest).fma(q, sum3);
    }
    sum0 = sum0.blend(sum1, UPPER_HALF).add(sum1.blend(sum0, UPPER_HALF).rearrange(BY_HALF));
    sum2 = sum2.blend(sum3, UPPER_HALF).add(sum3.blend(sum2, UPPER_HALF).rearrange(BY_HALF));
    sum0.blend(sum2, UPPER_QUARTER).add(sum2.blend(sum0, UPPER_QUARTER).rearrange(BY_QUARTER)).intoArray(s, to);
  }

  /// Folds the vectors of [#products] into one with the sum of each key.
  private static void sum(float[] s, int at, int to) {
    var sum = FloatVector.fromArray(F, s, at);
    if (LANES >= 8) {
      var next = FloatVector.fromArray(F, s, at + LANES);
      sum = sum.blend(next, UPPER_EIGHTH).add(next.blend(sum, UPPER_EIGHTH).rearrange(BY_EIGHTH));
    }
    if (LANES >= 16) {
      FloatVector more = FloatVector.fromArray(F, s, at + 2 * LANES), next = FloatVector.fromArray(F, s, at + 3 * LANES);
      more = more.blend(next, UPPER_EIGHTH).add(next.blend(more, UPPER_EIGHTH).rearrange(BY_EIGHTH));
      sum = sum.blend(more, UPPER_SIXTEENTH).add(more.blend(sum, UPPER_SIXTEENTH).rearrange(BY_SIXTEENTH));
    }
    sum.rearrange(REVERSED_BITS).intoArray(s, to);
  }

  /// Replaces `n` scores by `exp(score - maximum)`.
  ///
  /// @param sums room for a vector
  /// @return the reciprocal of their sum; 0 if all scores are `-∞`
  private static float weights(float[] s, int at, int n, int sums) {
    int end = at + Layout.whole(n);
    Arrays.fill(s, at + n, end, Float.NEGATIVE_INFINITY);
    Arrays.fill(s, sums, sums + LANES, 0);
    float max = VectorMath.max(s, at, end);
    VectorMath.weights(s, at, end, max == Float.NEGATIVE_INFINITY ? 0 : max, sums);
    float sum = Simd.sumOfHalves(FloatVector.fromArray(F, s, sums));
    return sum == 0 ? 0 : 1 / sum;
  }

  /// `s[out + c] += Σ s[weight + j] · v[from + j · stride + c]` over `keys` rows of `n` values.
  static void values(MemorySegment v, long from, long stride, int keys, int n, float[] s, int weight, int out) {
    Simd.expectPlain(v);
    int c = 0;
    for (; c + WIDTH <= n; c += WIDTH) {
      FloatVector sum0 = FloatVector.zero(F), sum1 = sum0, sum2 = sum0, sum3 = sum0;
      long at = 4 * (from + c);
      for (int j = 0; j < keys; j++, at += 4 * stride) {
        var w = FloatVector.broadcast(F, s[weight + j]);
        sum0 = FloatVector.fromMemorySegment(F, v, at, ORDER).fma(w, sum0);
        sum1 = FloatVector.fromMemorySegment(F, v, at + 4L * LANES, ORDER).fma(w, sum1);
        sum2 = FloatVector.fromMemorySegment(F, v, at + 8L * LANES, ORDER).fma(w, sum2);
        sum3 = FloatVector.fromMemorySegment(F, v, at + 12L * LANES, ORDER).fma(w, sum3);
      }
      FloatVector.fromArray(F, s, out + c).add(sum0).intoArray(s, out + c);
      FloatVector.fromArray(F, s, out + c + LANES).add(sum1).intoArray(s, out + c + LANES);
      FloatVector.fromArray(F, s, out + c + 2 * LANES).add(sum2).intoArray(s, out + c + 2 * LANES);
      FloatVector.fromArray(F, s, out + c + 3 * LANES).add(sum3).intoArray(s, out + c + 3 * LANES);
    }
    for (; c < n; c += LANES) {
      var rest = Simd.first(n - c);
      var sum = FloatVector.zero(F);
      long at = 4 * (from + c);
      for (int j = 0; j < keys; j++, at += 4 * stride)
        sum = FloatVector.fromMemorySegment(F, v, at, ORDER, rest).fma(FloatVector.broadcast(F, s[weight + j]), sum);
      FloatVector.fromArray(F, s, out + c).add(sum).intoArray(s, out + c);
    }
  }

  private static void write(float[] s, int at, float factor, int n, MemorySegment out, long to) {
    Simd.expectPlain(out);
    int c = 0;
    for (; c + LANES <= n; c += LANES) FloatVector.fromArray(F, s, at + c).mul(factor).intoMemorySegment(out, 4 * (to + c), ORDER);
    if (c < n) FloatVector.fromArray(F, s, at + c).mul(factor).intoMemorySegment(out, 4 * (to + c), ORDER, Simd.first(n - c));
  }
}
