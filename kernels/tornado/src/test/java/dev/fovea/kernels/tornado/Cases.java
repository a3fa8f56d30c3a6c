package dev.fovea.kernels.tornado;

import static dev.fovea.kernels.tornado.Numbers.empty;
import static java.lang.Float.NEGATIVE_INFINITY;
import static java.lang.Float.NaN;
import static java.lang.Float.POSITIVE_INFINITY;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.GridBias;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Operations of every kind: odd sizes, sizes around those of tiles and groups, all variants, special values.
final class Cases {
  private final List<Case> all = new ArrayList<>();
  private final Numbers numbers = new Numbers(7);

  private Cases() {}

  /// All cases.
  static List<Case> all() {
    var cases = new Cases();
    cases.linear();
    cases.matmul();
    cases.attention();
    cases.rowwise();
    cases.elementwise();
    cases.moves();
    cases.lookups();
    cases.positions();
    cases.all.addAll(MapCases.all());
    return List.copyOf(cases.all);
  }

  private void add(String name, Operation operation) {
    all.add(new Case(name, operation));
  }

  private void linear() {
    int[][] sizes = {{1, 1, 1}, {3, 5, 7}, {1, 70, 33}, {17, 33, 64}, {65, 130, 31}, {4, 3, 0}, {0, 3, 4}, {3, 0, 4},
        {64, 64, 500}};
    for (int[] s : sizes) linear("plain", s[0], numbers.weight(s[1], s[2]), Activation.NONE, false, false);
    for (var format : WeightFormat.values())
      for (var layout : Weight.Layout.values()) {
        linear(format + " in " + layout, 5, numbers.weight(19, 37, format, layout), Activation.NONE, true, true);
        linear(format + " in " + layout, 33, numbers.weight(64, 96, format, layout), Activation.GELU, true, false);
        linear(format + " in " + layout, 1, numbers.weight(40, 200, format, layout), Activation.NONE, false, true);
      }
    for (var activation : Activation.values()) linear(activation.name(), 6, numbers.weight(9, 20), activation, true, true);
    MemorySegment x = numbers.normal(6 * 8), out = numbers.normal(6 * 10);
    add("residual in place",
        new Operation.Linear(x, numbers.weight(10, 8), numbers.normal(10), Activation.SILU, out, out, 6));
    var poisoned = numbers.normal(16 * 40);
    Numbers.set(poisoned, 3 * 40 + 7, NaN);
    Numbers.set(poisoned, 5 * 40 + 39, POSITIVE_INFINITY);
    for (var weight : List.of(numbers.weight(35, 40), numbers.weight(35, 40, WeightFormat.Q8, Weight.Layout.PANELS)))
      add("poisoned rows", new Operation.Linear(poisoned, weight, null, Activation.NONE, null, empty(16 * 35), 16));
  }

  private void linear(String name, int m, Weight weight, Activation activation, boolean bias, boolean residual) {
    int n = weight.n();
    add(name, new Operation.Linear(numbers.normal((long) m * weight.k()), weight, bias ? numbers.normal(n) : null, activation,
        residual ? numbers.normal((long) m * n) : null, empty((long) m * n), m));
  }

  private Matrices normal(int count, int rows, int cols) {
    return Matrices.dense(numbers.normal((long) count * rows * cols), count, rows, cols);
  }

  private static Matrices room(int count, int rows, int cols) {
    return Matrices.dense(empty((long) count * rows * cols), count, rows, cols);
  }

  /// One of three parts of a fused projection `[outer, rows, 3, inner, depth]`.
  private static Matrices part(MemorySegment fused, int part, int outer, int inner, int rows, int depth) {
    int token = 3 * inner * depth;
    return new Matrices(fused.asSlice(4L * part * inner * depth), outer, inner, rows, depth, (long) rows * token, depth, token, 1);
  }

  private void matmul() {
    int[][] sizes = {{1, 1, 1, 1}, {2, 3, 5, 7}, {3, 17, 9, 33}, {1, 64, 65, 20}, {2, 4, 4, 0}, {2, 0, 4, 4}, {5, 1, 40, 64}};
    for (int[] s : sizes) {
      add("dense", new Operation.Matmul(normal(s[0], s[1], s[3]), normal(s[0], s[3], s[2]), room(s[0], s[1], s[2]), 0.5f));
      add("transposed", new Operation.Matmul(normal(s[0], s[1], s[3]), normal(s[0], s[2], s[3]).transposed(),
          room(s[0], s[2], s[1]).transposed(), -2));
    }
    var fused = numbers.normal(2 * 5 * 3 * 4 * 6);
    var heads = room(8, 5, 5);
    add("heads of a fused projection", new Operation.Matmul(part(fused, 0, 2, 4, 5, 6), part(fused, 1, 2, 4, 5, 6).transposed(),
        new Matrices(heads.segment(), 2, 4, 5, 5, 100, 25, 5, 1), 1));
  }

  private void attention() {
    var none = AttentionMask.NONE;
    int[][] sizes = {{1, 1, 1, 1, 1}, {3, 5, 7, 8, 8}, {2, 17, 33, 24, 24}, {4, 1, 70, 64, 64}, {2, 65, 64, 20, 12},
        {2, 3, 0, 4, 4}, {2, 4, 130, 80, 80}};
    for (int[] s : sizes) {
      both("no mask", normal(s[0], s[1], s[3]), normal(s[0], s[2], s[3]), normal(s[0], s[2], s[4]), none);
      both("causal", normal(s[0], s[1], s[3]), normal(s[0], s[2], s[3]), normal(s[0], s[2], s[4]), AttentionMask.CAUSAL);
    }
    var fused = numbers.normal(2 * 9 * 3 * 4 * 8);
    Matrices q = part(fused, 0, 2, 4, 9, 8), k = part(fused, 1, 2, 4, 9, 8), v = part(fused, 2, 2, 4, 9, 8);
    both("fused projection", q, k, v, none);
    both("padding", q, k, v, AttentionMask.padding(padding(2, 9)));
    both("bias", q, k, v, AttentionMask.bias(new Matrices(numbers.normal(4 * 81), 2, 4, 9, 9, 0, 81, 9, 1)));
    both("repeated bias", q, k, v, AttentionMask.bias(new Matrices(numbers.normal(9), 2, 4, 9, 9, 0, 0, 0, 1)));
    both("grid", q, k, v, AttentionMask.grid(new GridBias(grid(9), grid(9))));
    both("all masks", q, k, v, new AttentionMask(true, padding(2, 9),
        new Matrices(numbers.normal(4 * 81), 2, 4, 9, 9, 0, 81, 9, 1), new GridBias(grid(9), grid(9)), null));
    for (float length : new float[] {0, 1, 3, 11, 12, 100, -2, NaN})
      for (int queries : new int[] {1, 4})
        both("cached, length " + length, normal(3, queries, 8), normal(3, 12, 8), normal(3, 12, 8),
            AttentionMask.cached(Numbers.of(length)));
    add("length without causal", new Operation.Attention(normal(3, 2, 8), normal(3, 12, 8), normal(3, 12, 8),
        new AttentionMask(false, null, null, null, Numbers.of(5)), room(3, 2, 8), 0.4f));
    var poisoned = normal(1, 5, 8);
    Numbers.set(poisoned.segment(), 2 * 8, NaN);
    var infinite = normal(1, 40, 8);
    Numbers.set(infinite.segment(), 17 * 8 + 3, POSITIVE_INFINITY);
    both("poisoned", poisoned, normal(1, 40, 8), infinite, none);
    both("large scores", Matrices.dense(numbers.uniform(5 * 8, -60, 60), 1, 5, 8), normal(1, 40, 8), normal(1, 40, 8), none);
  }

  /// Two maps of three rows and columns, of which a token's row or column is taken.
  private Matrices grid(int queries) {
    return new Matrices(numbers.normal(2L * 4 * queries * 3), 2, 4, queries, 3, 4L * queries * 3, queries * 3L, 3, 1);
  }

  /// Some of the keys of each item are hidden, and all of the last one's.
  private static MemorySegment padding(int items, int keys) {
    var mask = empty((long) items * keys);
    for (int i = 0; i < items * keys; i++) Numbers.set(mask, i, i / keys == items - 1 || i % 3 == 1 ? NEGATIVE_INFINITY : 0);
    return mask;
  }

  private void both(String name, Matrices q, Matrices k, Matrices v, AttentionMask mask) {
    int outer = q.outer(), inner = q.inner(), queries = q.rows(), depth = v.cols();
    // As one projection takes it: [outer, queries, inner, depth].
    var out = new Matrices(empty((long) outer * queries * inner * depth), outer, inner, queries, depth,
        (long) queries * inner * depth, depth, (long) inner * depth, 1);
    float scale = (float) (1 / Math.sqrt(q.cols()));
    add(name, new Operation.Attention(q, k, v, mask, out, scale));
    add(name, new Operation.AttentionMaps(q, k, mask, empty((long) outer * inner * queries * k.rows()), scale));
  }

  private void rowwise() {
    int[][] sizes = {{1, 1}, {3, 7}, {5, 64}, {70, 33}, {2, 1000}, {1, 5003}, {0, 4}, {4, 0}};
    for (int[] s : sizes) {
      int rows = s[0], cols = s[1];
      long n = (long) rows * cols;
      MemorySegment inPlace = numbers.normal(n), gamma = numbers.normal(cols);
      add("plain", new Operation.Softmax(numbers.normal(n), empty(n), rows, cols));
      add("in place", new Operation.Softmax(inPlace, inPlace, rows, cols));
      add("plain", new Operation.LayerNorm(numbers.normal(n), gamma, numbers.normal(cols), 1e-6f, empty(n), rows, cols));
      add("without beta", new Operation.LayerNorm(numbers.normal(n), gamma, null, 1e-12f, empty(n), rows, cols));
      add("in place", new Operation.LayerNorm(inPlace, gamma, null, 0.1f, inPlace, rows, cols));
      add("far from zero",
          new Operation.LayerNorm(numbers.uniform(n, 1000, 1010), gamma, numbers.normal(cols), 1e-5f, empty(n), rows, cols));
      add("plain", new Operation.RmsNorm(numbers.normal(n), gamma, 1e-6f, empty(n), rows, cols));
      add("in place, without gamma", new Operation.RmsNorm(inPlace, null, 0.5f, inPlace, rows, cols));
    }
    float i = NEGATIVE_INFINITY;
    add("special values", new Operation.Softmax(Numbers.of(i, 1, 2, i, 0, i, i, i, i, i, 1, NaN, 2, 3, 4, 1, POSITIVE_INFINITY, 2,
        3, 4, 1e30f, -1e30f, 0, 1e30f, 5, -0f, 0, 1e-39f, -90, -104), empty(30), 6, 5));
    add("special values", new Operation.LayerNorm(Numbers.of(1, 2, NaN, 4, 1, POSITIVE_INFINITY, 2, 3, 5, 5, 5, 5),
        Numbers.of(1, -2, 0.5f, 3), Numbers.of(0, 7, -0f, 1), 1e-12f, empty(12), 3, 4));
    add("special values", new Operation.RmsNorm(Numbers.of(1, 2, NaN, 4, 1, POSITIVE_INFINITY, 2, 3, 0, -0f, 0, 0), null, 0,
        empty(12), 3, 4));
  }

  private static final float[] SPECIAL = {NaN, POSITIVE_INFINITY, NEGATIVE_INFINITY, -0f, 0f, Float.MIN_VALUE, 1e-39f, 1e20f, 88.5f,
      -88.5f, -103f, 13f, -13f, -5f, 1e-20f, 3f};

  private void elementwise() {
    for (var activation : Activation.values()) {
      for (int n : new int[] {1, 63, 1009})
        add(activation.name(), new Operation.Activate(activation, numbers.uniform(n, -6, 6), empty(n), n));
      var inPlace = numbers.uniform(100, -0.2, 1.2);
      add(activation + " in place", new Operation.Activate(activation, inPlace, inPlace, 100));
      add(activation + " near zero", new Operation.Activate(activation, numbers.uniform(100, -1e-3, 1e-3), empty(100), 100));
      for (float special : SPECIAL)
        add(activation + " of " + special, new Operation.Activate(activation, Numbers.of(special), empty(1), 1));
    }
    for (int period : new int[] {1, 3, 64}) {
      int n = 5 * period;
      var inPlace = numbers.normal(n);
      add("period", new Operation.Add(numbers.normal(n), numbers.normal(period), empty(n), n, period));
      add("period", new Operation.Multiply(numbers.normal(n), numbers.normal(period), empty(n), n, period));
      add("in place", new Operation.Add(inPlace, numbers.normal(period), inPlace, n, period));
    }
    var b = numbers.normal(130);
    add("b in place", new Operation.Add(numbers.normal(130), b, b, 130, 130));
    add("b in place", new Operation.Multiply(numbers.normal(130), b, b, 130, 130));
    add("plain", new Operation.Scale(numbers.normal(131), -1.7f, empty(131), 131));
    add("nothing", new Operation.Scale(empty(0), 2, empty(0), 0));
    add("special values", new Operation.Scale(Numbers.of(NaN, POSITIVE_INFINITY, -0f, 3), 0, empty(4), 4));
  }

  private void moves() {
    for (int[] s : new int[][] {{1, 1, 1}, {3, 5, 7}, {2, 64, 33}, {2, 0, 3}}) {
      add("dense", new Operation.Copy(normal(s[0], s[1], s[2]), room(s[0], s[1], s[2])));
      add("transposed", new Operation.Copy(normal(s[0], s[1], s[2]), room(s[0], s[2], s[1]).transposed()));
    }
    var fused = numbers.normal(2 * 5 * 3 * 4 * 6);
    add("heads", new Operation.Copy(part(fused, 2, 2, 4, 5, 6), new Matrices(empty(240), 2, 4, 5, 6, 120, 30, 6, 1)));
    add("with gaps", new Operation.Copy(normal(2, 3, 4), new Matrices(numbers.normal(60), 1, 2, 3, 4, 0, 30, 9, 2)));
    for (float length : new float[] {0, 1, 3, 4, 5, -5, NaN})
      add("length " + length,
          new Operation.Append(part(fused, 1, 2, 4, 5, 6), new Matrices(numbers.normal(2 * 4 * 6 * 6), 2, 4, 6, 6, 144, 36, 6, 1),
              Numbers.of(length)));
    for (float start : new float[] {0, 1, 1000, 131_071, -3, NaN})
      add("start " + start, new Operation.RotaryTable(Numbers.of(1, 0.1f, 1e-4f), Numbers.of(start), empty(42), 7, 3));
    add("heads", new Operation.Rotary(part(fused, 0, 2, 4, 5, 6), numbers.normal(5 * 6),
        new Matrices(empty(240), 2, 4, 5, 6, 120, 30, 6, 1)));
  }

  private void lookups() {
    for (var format : WeightFormat.values())
      for (var layout : Weight.Layout.values())
        add(format + " in " + layout, new Operation.Gather(numbers.weight(37, 45, format, layout),
            Numbers.of(36, 0, 5, 17, 16, 37, -1, 0.5f, NaN, POSITIVE_INFINITY), empty(450), 10));
    add("no table", new Operation.Gather(numbers.weight(0, 3), Numbers.of(0, 1), empty(6), 2));
    var x = empty(70 * 13);
    for (int i = 0; i < 70 * 13; i++) Numbers.set(x, i, i * 7 % 31);
    for (float value : new float[] {0, 12, 30, 31}) add("value " + value, new Operation.Find(x, value, empty(70), 70, 13));
    add("nothing to look through", new Operation.Find(empty(0), 1, empty(3), 3, 0));
    add("plain", new Operation.TopRows(numbers.normal(3 * 40 * 5), empty(3 * 10), 3, 40, 5, 10));
    add("all rows", new Operation.TopRows(numbers.normal(2 * 7 * 3), empty(2 * 7), 2, 7, 3, 7));
    float nan = NaN, least = NEGATIVE_INFINITY;
    add("ties and NaN", new Operation.TopRows(Numbers.of(nan, nan, 1, nan, 0, -0f, -0f, -0f, least, nan, nan, nan, 1, 0, least,
        least), empty(8), 1, 8, 2, 8));
  }

  private void positions() {
    add("many turns", new Operation.Fourier(numbers.normal(33 * 2), 0.3, -0.1, numbers.uniform(2 * 17, -300, 300), empty(33 * 34),
        33, 2, 17));
    add("no dimensions", new Operation.Fourier(empty(0), 1, 0, empty(0), empty(12), 2, 0, 3));
  }
}
