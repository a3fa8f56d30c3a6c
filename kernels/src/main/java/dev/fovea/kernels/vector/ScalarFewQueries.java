package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.LANES;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation.Attention;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// [FewQueries] in scalar loops over arrays, with the same bits. Small arrays stand for vectors.
final class ScalarFewQueries {
  private final Workers workers;
  private final ScratchPool scratch;

  ScalarFewQueries(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /// @param op suits [FewQueries]; its mask has no length
  void run(Attention op) {
    Matrices q = op.q(), k = op.k(), v = op.v();
    var layout = new FewQueries.Layout(op);
    int rows = q.rows(), line = layout.room(), heads = q.outer() * q.inner();
    ColdStart.count((long) heads * rows * k.rows() * (k.cols() + v.cols()));
    workers.forEach(heads, head -> {
      int o = head / q.inner(), i = head % q.inner();
      try (var loan = scratch.borrowArray(line + layout.queryStride() + 2 * layout.outStride())) {
        float[] s = loan.floats();
        Arrays.fill(s, 0, layout.scores(0), 0);
        Arrays.fill(s, line, line + layout.queryStride(), 0);
        for (int r = 0; r < rows; r++) {
          MemorySegment.copy(q.segment(), Simd.FLOAT, 4 * q.index(o, i, r, 0), s, layout.query(r), q.cols());
          for (int d = layout.query(r); d < layout.query(r + 1); d++) s[d] *= op.scale();
        }
        int visible = op.mask().visible(rows - 1, rows, k.rows());
        for (int key = 0; key < visible; key++) {
          MemorySegment.copy(k.segment(), Simd.FLOAT, 4 * k.index(o, i, key, 0), s, line, k.cols());
          for (int r = 0; r < rows; r++)
            s[layout.scores(r) + key] = product(s, line, layout.query(r), layout.queryStride(), layout.products());
        }
        for (int r = 0; r < rows; r++) {
          int seen = op.mask().visible(r, rows, k.rows());
          float factor = seen == 0 ? 0 : weights(s, layout.scores(r), seen, layout.products());
          values(v, o, i, seen, s, layout.scores(r), layout.output(r), line);
          for (int c = 0; c < v.cols(); c++) s[layout.output(r) + c] *= factor;
          MemorySegment.copy(s, layout.output(r), op.out(), Simd.FLOAT, 4 * op.to().index(o, i, r, 0), v.cols());
        }
      }
    });
  }

  /// The product of a key and a query, in the lanes of a vector, which are then added as in [Simd#sumOfHalves].
  private static float product(float[] s, int key, int query, int n, int lanes) {
    Arrays.fill(s, lanes, lanes + LANES, 0);
    for (int d = 0; d < n; d += LANES)
      for (int lane = 0; lane < LANES; lane++) s[lanes + lane] = Math.fma(s[key + d + lane], s[query + d + lane], s[lanes + lane]);
    return sumOfHalves(s, lanes);
  }

  /// As [VectorMath#weights].
  ///
  /// @param room three vectors
  private static float weights(float[] s, int at, int n, int room) {
    int end = at + FewQueries.Layout.whole(n), lost = room + LANES, total = lost + LANES;
    Arrays.fill(s, at + n, end, Float.NEGATIVE_INFINITY);
    Arrays.fill(s, lost, total + LANES, 0);
    float max = Float.NEGATIVE_INFINITY;
    for (int i = at; i < end; i++) max = Math.max(max, s[i]);
    float shift = max == Float.NEGATIVE_INFINITY ? 0 : max;
    for (int block = at; block < end; block += VectorMath.BLOCK) {
      Arrays.fill(s, room, room + LANES, 0);
      for (int i = block; i < Math.min(end, block + VectorMath.BLOCK); i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
          s[i + lane] = ScalarMath.weight(s[i + lane], shift);
          s[room + lane] += s[i + lane];
        }
      for (int lane = 0; lane < LANES; lane++) {
        float part = s[room + lane] - s[lost + lane], next = s[total + lane] + part;
        s[lost + lane] = next - s[total + lane] - part;
        s[total + lane] = next;
      }
    }
    float sum = sumOfHalves(s, total);
    return sum == 0 ? 0 : 1 / sum;
  }

  private static float sumOfHalves(float[] s, int lanes) {
    for (int half = LANES / 2; half > 0; half /= 2)
      for (int lane = 0; lane < half; lane++) s[lanes + lane] += s[lanes + lane + half];
    return s[lanes];
  }

  /// The weighted sums of values, block by block of keys.
  ///
  /// @param room two rows of values
  private static void values(Matrices v, int o, int i, int keys, float[] s, int weights, int out, int room) {
    int n = v.cols(), line = room + n;
    Arrays.fill(s, out, out + n, 0);
    for (int block = 0; block < keys; block += FewQueries.BLOCK) {
      Arrays.fill(s, room, room + n, 0);
      for (int key = block; key < Math.min(keys, block + FewQueries.BLOCK); key++) {
        MemorySegment.copy(v.segment(), Simd.FLOAT, 4 * v.index(o, i, key, 0), s, line, n);
        float weight = s[weights + key];
        for (int c = 0; c < n; c++) s[room + c] = Math.fma(s[line + c], weight, s[room + c]);
      }
      for (int c = 0; c < n; c++) s[out + c] += s[room + c];
    }
  }
}
