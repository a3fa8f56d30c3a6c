package dev.fovea.engine.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Attention with rotary positions, whose heads share keys, with and without a cache.
class GroupedAttentionTest {
  private static final int B = 2, N = 11, C = 20, H = 6, G = 2, D = 6;

  private final Arena arena = Arena.ofShared();
  private final Random random = new Random(1);
  private final RotaryPositions positions = new RotaryPositions(D, 50, RotaryPositions.Scaling.NONE, 100);
  private final GroupedAttention attention = new GroupedAttention(linear(C, H * D), linear(C, 2 * G * D), linear(H * D, C), H, G);

  @AfterEach
  void close() {
    arena.close();
  }

  private Tensor normal(double deviation, int... shape) {
    int n = 1;
    for (int d : shape) n *= d;
    var values = new float[n];
    for (int i = 0; i < n; i++) values[i] = (float) (deviation * random.nextGaussian());
    return Tensor.of(arena, values, shape);
  }

  private Linear linear(int in, int out) {
    return new Linear(Weight.rows(normal(0.3, out, in).segment(), out, in), normal(0.1, out));
  }

  private static double[] linear(Linear map, double[] row) {
    var out = new double[map.weight().n()];
    for (int i = 0; i < out.length; i++) {
      out[i] = map.bias().get(i);
      for (int j = 0; j < row.length; j++) out[i] += map.weight().get(i, j) * row[j];
    }
    return out;
  }

  /// The pair `(i, i + D / 2)` as a complex number, times `e^(i · position · 50^(-2 i / D))`.
  private static double[] turned(double[] all, int from, int position) {
    var out = new double[D];
    for (int i = 0; i < D / 2; i++) {
      double angle = position * Math.pow(50, -2.0 * i / D), a = all[from + i], b = all[from + D / 2 + i];
      out[i] = a * Math.cos(angle) - b * Math.sin(angle);
      out[D / 2 + i] = a * Math.sin(angle) + b * Math.cos(angle);
    }
    return out;
  }

  /// Token `n` of text `b` by the formula, and the weights of head 4.
  private double[] expected(Tensor x, int b, int n, double[] weights) {
    double[][] queries = new double[n + 1][], kv = new double[n + 1][];
    for (int t = 0; t <= n; t++) {
      var row = new double[C];
      for (int c = 0; c < C; c++) row[c] = x.get(b, t, c);
      queries[t] = linear(attention.q(), row);
      kv[t] = linear(attention.kv(), row);
    }
    var context = new double[H * D];
    for (int h = 0; h < H; h++) {
      int group = h / (H / G), k = group * D, v = (G + group) * D;
      var weight = new double[n + 1];
      double sum = 0;
      var q = turned(queries[n], h * D, n);
      for (int t = 0; t <= n; t++) {
        double score = 0;
        var key = turned(kv[t], k, t);
        for (int d = 0; d < D; d++) score += q[d] * key[d];
        sum += weight[t] = Math.exp(score / Math.sqrt(D));
      }
      for (int t = 0; t <= n; t++) {
        if (h == 4) weights[t] = weight[t] / sum;
        for (int d = 0; d < D; d++) context[h * D + d] += weight[t] / sum * kv[t][v + d];
      }
    }
    return linear(attention.proj(), context);
  }

  private record WithMap(Tensor out, Tensor map) {}

  @ParameterizedTest
  @EnumSource
  void isTheFormula(KernelProvider provider) {
    var x = normal(1, B, N, C);
    try (var kernels = provider.open(Workers.threads(2)); var workspace = new Workspace(kernels)) {
      var result = workspace.run("attention", Map.of("x", x, "start", Tensor.zeros(arena, 1)), in -> {
        var probe = Probe.all();
        var tokens = Tokens.of(Tokens.Kind.TEXT, N);
        var out = attention.forward(in.get("x"), positions.table(in.get("start"), N, N), probe.attention(0, tokens, tokens));
        return new WithMap(out, probe.tensors().get("attentions.0"));
      }, r -> List.of(r.out, r.map));
      assertThat(result.out.shape()).containsExactly(B, N, C);
      assertThat(result.map.shape()).containsExactly(B, H, N, N);
      for (int b = 0; b < B; b++)
        for (int n = 0; n < N; n++) {
          var weights = new double[N];
          var expected = expected(x, b, n, weights);
          for (int c = 0; c < C; c++) assertThat((double) result.out.get(b, n, c)).isCloseTo(expected[c], within(1e-5));
          for (int key = 0; key < N; key++) assertThat((double) result.map.get(b, 4, n, key)).isCloseTo(weights[key], within(1e-6));
        }
    }
  }

  /// A text in pieces of several lengths, of which one has a single token, gives what it gives at once.
  @ParameterizedTest
  @EnumSource
  void continuesFromTheCache(KernelProvider provider) {
    var x = normal(1, 1, N, C);
    var cache = new AttentionCache(normal(1, G, N + 3, D), normal(1, G, N + 3, D), Tensor.zeros(arena, 1), Tensor.zeros(arena, 1));
    try (var kernels = provider.open(Workers.threads(2)); var workspace = new Workspace(kernels)) {
      float[] whole = workspace.run("whole", Map.of("x", x, "start", Tensor.zeros(arena, 1)),
          in -> attention.forward(in.get("x"), positions.table(in.get("start"), N, N), Probe.Site.NOWHERE), List::of).toArray();
      int from = 0;
      for (int count : new int[] {4, 1, 1, 3, 2}) {
        cache.before().put(0, from);
        cache.after().put(0, from + count);
        float[] part = workspace.run("part", Map.of("x", x.slice(1, from, from + count), "keys", cache.keys(), "values", cache.values(),
            "before", cache.before(), "after", cache.after()), in -> attention.forward(in.get("x"),
            positions.table(in.get("before"), count, N),
            new AttentionCache(in.get("keys"), in.get("values"), in.get("before"), in.get("after"))), List::of).toArray();
        for (int i = 0; i < part.length; i++) assertThat(part[i]).as("%d of %d", i, from).isCloseTo(whole[from * C + i], within(1e-5f));
        from += count;
      }
    }
  }

  @Test
  void sizesThatDoNotFit() {
    Linear q = attention.q(), kv = attention.kv(), proj = attention.proj();
    assertThatThrownBy(() -> new GroupedAttention(q, kv, proj, 6, 4)).hasMessage("attention: 6 heads are not a multiple of 4 key heads");
    assertThatThrownBy(() -> new GroupedAttention(q, kv, proj, 5, 1)).hasMessage("attention: 36 channels are not a multiple of 5 heads");
    assertThatThrownBy(() -> new GroupedAttention(q, kv, proj, 6, 3))
        .hasMessage("attention: expected 6 heads of keys and values of 6 channels, got 24 channels");
    assertThatThrownBy(() -> new RotaryPositions(5, 10, RotaryPositions.Scaling.NONE, 1)).hasMessageContaining("expected an even head_dim, got 5");
    assertThatThrownBy(() -> new RotaryPositions(4, 0, RotaryPositions.Scaling.NONE, 1)).hasMessageContaining("expected a positive theta and length");
  }

  @Test
  void frequencies() {
    assertThat(new RotaryPositions(4, 100, RotaryPositions.Scaling.NONE, 8).frequencies(99)).containsExactly(1, 0.1f);
    assertThat(new RotaryPositions(4, 100, new RotaryPositions.Scaling.Linear(4), 8).frequencies(1)).containsExactly(0.25f, 0.025f);
    var dynamic = new RotaryPositions(4, 100, new RotaryPositions.Scaling.Dynamic(2), 8);
    assertThat(dynamic.frequencies(8)).containsExactly(1, 0.1f);
    // Twice the length: theta is multiplied by (2 · 2 - 1)^(4 / 2).
    assertThat(dynamic.frequencies(16)[0]).isEqualTo(1);
    assertThat(dynamic.frequencies(16)[1]).isCloseTo((float) (1 / Math.sqrt(900)), within(1e-8f));
    // Frequencies of 1, 0.1, 0.01 and 0.001 turn 15.9, 1.59, 0.159 and 0.0159 times within 100 positions.
    var llama = new RotaryPositions(8, 10_000, new RotaryPositions.Scaling.Llama3(8, 1, 4, 100), 800).frequencies(1);
    double smooth = (100 * 0.1 / (2 * Math.PI) - 1) / 3;
    assertThat(llama[0]).isEqualTo(1);
    assertThat(llama[1]).isCloseTo((float) ((1 - smooth) * 0.1 / 8 + smooth * 0.1), within(1e-8f));
    assertThat(llama[2]).isCloseTo(0.01f / 8, within(1e-9f));
    assertThat(llama[3]).isCloseTo(0.001f / 8, within(1e-10f));
  }
}
