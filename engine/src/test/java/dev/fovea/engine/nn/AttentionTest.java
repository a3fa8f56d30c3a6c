package dev.fovea.engine.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.GridBias;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AttentionTest {
  private static final int B = 2, N = 13, C = 24, H = 3, D = C / H;

  private final Arena arena = Arena.ofShared();
  private final Random random = new Random(1);

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

  /// Row `[b, n]` of the attention's output, by the formula.
  private static double[] expected(MultiHeadAttention attention, Tensor x, int b, int n) {
    var qkv = new double[N][];
    for (int t = 0; t < N; t++) {
      var row = new double[C];
      for (int c = 0; c < C; c++) row[c] = x.get(b, t, c);
      qkv[t] = linear(attention.qkv(), row);
    }
    var context = new double[C];
    for (int h = 0; h < H; h++) {
      var weight = new double[N];
      double sum = 0;
      for (int t = 0; t < N; t++) {
        double score = 0;
        for (int d = 0; d < D; d++) score += qkv[n][h * D + d] * qkv[t][C + h * D + d];
        sum += weight[t] = Math.exp(score / Math.sqrt(D));
      }
      for (int t = 0; t < N; t++)
        for (int d = 0; d < D; d++) context[h * D + d] += weight[t] / sum * qkv[t][2 * C + h * D + d];
    }
    return linear(attention.proj(), context);
  }

  private record WithMaps(Tensor out, Tensor maps) {}

  @ParameterizedTest
  @EnumSource
  void withMapsEqualsWithout(KernelProvider provider) {
    var attention = new MultiHeadAttention(linear(C, 3 * C), linear(C, C), H);
    var x = normal(1, B, N, C);
    try (var kernels = provider.open(Workers.threads(2)); var workspace = new Workspace(kernels)) {
      var fused = workspace.run("fused", x, attention::forward, List::of).toArray();
      var probe = Probe.all();
      var tokens = Tokens.grid(1, N);
      var result = workspace.run("maps", x, in -> {
        var out = attention.forward(in, AttentionMask.NONE, probe.attention(0, tokens, tokens));
        return new WithMaps(out, probe.tensors().get("attentions.0"));
      }, r -> List.of(r.out, r.maps));
      // Looking changes nothing.
      assertThat(result.out.toArray()).isEqualTo(fused);
      assertThat(probe.attentions().get("attentions.0")).isEqualTo(new AttentionMap(result.maps, tokens, tokens, null));
      assertThat(result.maps.shape()).isEqualTo(new int[] {B, H, N, N});
      for (int b = 0; b < B; b++)
        for (int n = 0; n < N; n++) {
          for (int h = 0; h < H; h++) {
            double sum = 0;
            for (int t = 0; t < N; t++) sum += result.maps.get(b, h, n, t);
            assertThat(sum).isCloseTo(1, within(1e-5));
          }
          var expected = expected(attention, x, b, n);
          for (int c = 0; c < C; c++) assertThat((double) fused[(b * N + n) * C + c]).isCloseTo(expected[c], within(1e-5));
        }
    }
  }

  /// The rows of a map sum to 1, and the map times the values is the attention's output, whatever the mask.
  @ParameterizedTest
  @EnumSource
  void mapsTimesValuesAreTheOutput(KernelProvider provider) {
    int queries = 6, rows = 2, cols = 4, keys = rows * cols;
    Tensor q = normal(1, B, H, queries, D), k = normal(1, B, H, keys, D), v = normal(1, B, H, keys, D);
    var padding = Tensor.zeros(arena, B, keys);
    padding.put(keys - 1, Float.NEGATIVE_INFINITY);
    Tensor bias = normal(1, B, H, queries, keys), byRow = normal(1, B, H, queries, rows), byCol = normal(1, B, H, queries, cols);
    var masks = List.of(AttentionMask.NONE, AttentionMask.CAUSAL, Attention.padding(padding), Attention.causal(padding),
        AttentionMask.bias(bias.matrices()), AttentionMask.grid(new GridBias(byRow.matrices(), byCol.matrices())),
        AttentionMask.cached(Tensor.of(arena, new float[] {7}, 1).segment()));
    try (var kernels = provider.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      for (var mask : masks) {
        var probe = Probe.all();
        var result = workspace.run(mask, q, in -> {
          var out = Attention.attend(in, k, v, mask, probe.attention(0, Tokens.grid(1, queries), Tokens.grid(rows, cols)));
          var maps = probe.attentions().get("attentions.0").weights();
          return List.of(out, maps, maps.matmul(v, 1).transposed(1, 2).contiguous().reshape(B, queries, H * D));
        }, r -> r);
        float[] out = result.get(0).toArray(), product = result.get(2).toArray();
        for (int i = 0; i < out.length; i++) assertThat(product[i]).isCloseTo(out[i], within(2e-6f));
        for (int b = 0; b < B; b++)
          for (int h = 0; h < H; h++)
            for (int i = 0; i < queries; i++) {
              double sum = 0;
              for (int j = 0; j < keys; j++) sum += result.get(1).get(b, h, i, j);
              assertThat(sum).isCloseTo(1, within(1e-5));
            }
      }
    }
  }

  @Test
  void aProbeKeepsWhatIsWanted() {
    var attention = new MultiHeadAttention(linear(C, 3 * C), linear(C, C), H);
    var x = normal(1, B, N, C);
    var probe = Probe.of(name -> name.equals("tower.attentions.1") || name.equals("tower.hidden_states.0"));
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      workspace.run("probe", x, in -> {
        var tower = probe.at("tower.");
        for (int i = 0; i < 3; i++)
          in = tower.see("hidden_states", i, attention.forward(in, AttentionMask.NONE, tower.attention(i, Tokens.grid(1, N), Tokens.grid(1, N))));
        return in;
      }, out -> java.util.stream.Stream.concat(java.util.stream.Stream.of(out), probe.tensors().values().stream()).toList());
    }
    assertThat(probe.tensors()).containsOnlyKeys("tower.hidden_states.0", "tower.attentions.1");
    assertThat(probe.attentions()).containsOnlyKeys("tower.attentions.1");
    assertThat(Probe.NONE.at("tower.")).isSameAs(Probe.NONE);
    assertThat(Probe.NONE.attention(3, Tokens.grid(1, N), Tokens.grid(1, N))).isSameAs(Probe.Site.NOWHERE);
    assertThat(Probe.NONE.see("x", 0, x)).isSameAs(x);
    assertThat(Probe.NONE.tensors()).isEmpty();
  }

  @Test
  void tokensKnowWhichIsWhich() {
    var tokens = Tokens.of(Tokens.Kind.CLASS, 1).and(Tokens.of(Tokens.Kind.REGISTER, 2)).and(Tokens.grid(2, 2)).and(Tokens.of(Tokens.Kind.TEXT, 0));
    assertThat(tokens.count()).isEqualTo(7);
    assertThat(tokens.runs()).hasSize(3);
    assertThat(tokens.indices(Tokens.Kind.CLASS)).containsExactly(0);
    assertThat(tokens.indices(Tokens.Kind.REGISTER)).containsExactly(1, 2);
    assertThat(tokens.indices(Tokens.Kind.PATCH)).containsExactly(3, 4, 5, 6);
    assertThat(tokens.indices(Tokens.Kind.TEXT)).isEmpty();
  }

  @Test
  void channelsAreAMultipleOfTheHeads() {
    assertThatThrownBy(() -> new MultiHeadAttention(linear(4, 12), linear(4, 4), 3)).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("attention: 4 channels are not a multiple of 3 heads");
  }

  @ParameterizedTest
  @EnumSource
  void positionGrid(Interpolation interpolation) {
    var table = normal(1, 6, 5);
    var grid = new PositionGrid(table, 2, 3, interpolation);
    var constant = new PositionGrid(Tensor.of(arena, new float[] {1, 2, 1, 2, 1, 2, 1, 2}, 4, 2), 2, 2, interpolation);
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var x = Tensor.zeros(arena, 1);
      var same = workspace.run("same", x, in -> grid.forward(in.workspace(), 2, 3), List::of);
      assertThat(same).isSameAs(table);
      var turned = workspace.run("turned", x, in -> grid.forward(in.workspace(), 3, 2), List::of);
      assertThat(turned.shape()).isEqualTo(new int[] {6, 5});
      assertThat(turned.toArray()).isNotEqualTo(table.toArray());
      var larger = workspace.run("larger", x, in -> constant.forward(in.workspace(), 3, 5), List::of);
      assertThat(larger.shape()).isEqualTo(new int[] {15, 2});
      for (int i = 0; i < 15; i++)
        for (int c = 0; c < 2; c++) assertThat(larger.get(i, c)).isCloseTo(1 + c, within(1e-6f));
      var patches = larger.toArray();
      var withToken = new PositionGrid(Tensor.of(arena, new float[] {7, 8, 1, 2, 1, 2, 1, 2, 1, 2}, 5, 2), 2, 2, interpolation);
      var extra = workspace.run("extra", x, in -> withToken.forward(in.workspace(), 3, 5), List::of);
      assertThat(extra.slice(0, 0, 1).toArray()).isEqualTo(new float[] {7, 8});
      assertThat(extra.slice(0, 1, 16).toArray()).isEqualTo(patches);
    }
  }
}
