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
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Shifted windows beside plain loops over all pairs of positions.
class ShiftedWindowAttentionTest {
  private static final int CHANNELS = 6, HEADS = 2, DEPTH = CHANNELS / HEADS;

  private static float[] random(int count, int seed) {
    var random = new SplittableRandom(seed);
    var values = new float[count];
    for (int i = 0; i < count; i++) values[i] = (float) random.nextDouble(-1, 1);
    return values;
  }

  /// Sizes with and without padding, smaller than a window, and of one row.
  @ParameterizedTest
  @CsvSource({"1, 8, 12, 4, 0", "1, 8, 12, 4, 2", "2, 7, 10, 4, 0", "2, 7, 10, 4, 2", "1, 3, 2, 4, 2", "1, 1, 9, 3, 1", "2, 2, 2, 7, 3", "1, 13, 5, 5, 2"})
  void attention(int batch, int height, int width, int size, int shift) {
    int sides = 2 * size - 1;
    var x = random(batch * height * width * CHANNELS, 1);
    var qkv = random(3 * CHANNELS * CHANNELS, 2);
    var bias = random(3 * CHANNELS, 3);
    var proj = random(CHANNELS * CHANNELS, 4);
    var table = random(sides * sides * HEADS, 5);
    var expected = expected(x, batch, height, width, size, shift, qkv, bias, proj, table);
    for (var provider : KernelProvider.values())
      try (var arena = Arena.ofShared(); var kernels = provider.open(Workers.threads(2)); var workspace = new Workspace(kernels)) {
        var attn = new ShiftedWindowAttention(linear(arena, qkv, bias, 3 * CHANNELS), linear(arena, proj, null, CHANNELS), HEADS,
            Tensor.of(arena, table, sides * sides, HEADS), size, shift);
        var input = Tensor.of(arena, x, batch, height, width, CHANNELS);
        var out = workspace.run("attention", input, in -> attn.forward(in, Probe.Site.NOWHERE), List::of);
        var actual = out.toArray();
        for (int i = 0; i < actual.length; i++) assertThat((double) actual[i]).as(provider + " " + i).isCloseTo(expected[i], within(2e-6));
      }
  }

  private static Linear linear(Arena arena, float[] weight, float[] bias, int out) {
    return new Linear(Weight.rows(Tensor.of(arena, weight, out, CHANNELS).segment(), out, CHANNELS),
        bias == null ? null : Tensor.of(arena, bias, out));
  }

  /// All positions of the padded and shifted map, with the part of the picture that each belongs to.
  private static double[] expected(float[] x, int batch, int height, int width, int size, int shift, float[] qkv, float[] bias,
      float[] proj, float[] table) {
    int rows = (height + size - 1) / size * size, cols = (width + size - 1) / size * size, count = rows * cols;
    var out = new double[batch * height * width * CHANNELS];
    for (int b = 0; b < batch; b++) {
      var all = new double[count][3 * CHANNELS];
      for (int p = 0; p < count; p++) {
        int y = (p / cols + shift) % rows, at = (p % cols + shift) % cols;
        for (int o = 0; o < 3 * CHANNELS; o++) {
          double sum = bias[o];
          for (int c = 0; c < CHANNELS && y < height && at < width; c++)
            sum += x[((b * height + y) * width + at) * CHANNELS + c] * (double) qkv[o * CHANNELS + c];
          all[p][o] = sum;
        }
      }
      for (int p = 0; p < count; p++) {
        int y = (p / cols + shift) % rows, at = (p % cols + shift) % cols;
        if (y >= height || at >= width) continue;
        var joined = new double[CHANNELS];
        for (int h = 0; h < HEADS; h++) {
          double total = 0;
          var sums = new double[DEPTH];
          for (int k = 0; k < count; k++) {
            if (p / cols / size != k / cols / size || p % cols / size != k % cols / size) continue;
            double score = 0;
            for (int d = 0; d < DEPTH; d++) score += all[p][h * DEPTH + d] * all[k][CHANNELS + h * DEPTH + d];
            int dy = p / cols - k / cols + size - 1, dx = p % cols - k % cols + size - 1;
            score = score / Math.sqrt(DEPTH) + table[(dy * (2 * size - 1) + dx) * HEADS + h];
            if (part(p / cols, rows, size, shift) != part(k / cols, rows, size, shift)
                || part(p % cols, cols, size, shift) != part(k % cols, cols, size, shift)) score -= 100;
            double weight = Math.exp(score);
            total += weight;
            for (int d = 0; d < DEPTH; d++) sums[d] += weight * all[k][2 * CHANNELS + h * DEPTH + d];
          }
          for (int d = 0; d < DEPTH; d++) joined[h * DEPTH + d] = sums[d] / total;
        }
        for (int o = 0; o < CHANNELS; o++)
          for (int c = 0; c < CHANNELS; c++) out[((b * height + y) * width + at) * CHANNELS + o] += joined[c] * proj[o * CHANNELS + c];
      }
    }
    return out;
  }

  /// The slices of the reference: all but the last window, the last window up to the shift, and the rest.
  private static int part(int position, int length, int size, int shift) {
    return shift == 0 || position < length - size ? 0 : position < length - shift ? 1 : 2;
  }

  /// The maps of shifted windows are handed out in the order of the windows, and their rows sum to 1.
  @Test
  void maps() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var attn = new ShiftedWindowAttention(linear(arena, random(3 * CHANNELS * CHANNELS, 2), null, 3 * CHANNELS),
          linear(arena, random(CHANNELS * CHANNELS, 4), null, CHANNELS), HEADS, Tensor.of(arena, random(25 * HEADS, 5), 25, HEADS), 3, 1);
      var probe = Probe.all();
      var places = Tokens.grid(5, 8);
      workspace.run("maps", Tensor.of(arena, random(2 * 5 * 8 * CHANNELS, 1), 2, 5, 8, CHANNELS),
          in -> attn.forward(in, probe.attention(0, places, places)), out -> List.of(out, probe.tensors().get("attentions.0")));
      var map = probe.attentions().get("attentions.0");
      assertThat(map.windows()).isEqualTo(new AttentionMap.Windows(5, 8, 3, 1));
      assertThat(map.weights().shape()).containsExactly(2 * 2 * 3, HEADS, 9, 9);
      var weights = map.weights().toArray();
      for (int row = 0; row < weights.length; row += 9) {
        double sum = 0;
        for (int i = 0; i < 9; i++) sum += weights[row + i];
        assertThat(sum).isCloseTo(1, within(1e-5));
      }
      // The first window of each picture is whole, the last column's windows are divided behind their second column.
      assertThat(map.weights().get(0, 0, 0, 8)).isGreaterThan(1e-6f);
      assertThat(map.weights().get(2, 0, 0, 2)).isLessThan(1e-30f);
      assertThat(map.weights().get(6 + 2, 0, 0, 2)).isLessThan(1e-30f);
    }
  }

  @Test
  void wrongSizes() {
    try (var arena = Arena.ofShared()) {
      var qkv = linear(arena, random(3 * CHANNELS * CHANNELS, 2), null, 3 * CHANNELS);
      var proj = linear(arena, random(CHANNELS * CHANNELS, 4), null, CHANNELS);
      var table = Tensor.zeros(arena, 25, HEADS);
      assertThatThrownBy(() -> new ShiftedWindowAttention(qkv, proj, HEADS, table, 3, 3)).hasMessage("attention: expected a shift from 0 to 2, got 3");
      assertThatThrownBy(() -> new ShiftedWindowAttention(qkv, proj, HEADS, table, 4, 0)).hasMessage("attention: expected biases of windows of 4x4, got [25, 2]");
      assertThatThrownBy(() -> new ShiftedWindowAttention(qkv, proj, 4, table, 3, 0)).hasMessageContaining("multiple of 4 heads");
    }
  }

  /// Positions of an odd map beside the reference's order: upper left, lower left, upper right, lower right.
  @Test
  void merging() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var identity = new float[64];
      for (int i = 0; i < 8; i++) identity[i * 8 + i] = 1;
      var norm = new LayerNorm(Tensor.of(arena, new float[] {1, 1, 1, 1, 1, 1, 1, 1}, 8), Tensor.zeros(arena, 8), 0);
      var merging = new PatchMerging(norm, new Linear(Weight.rows(Tensor.of(arena, identity, 8, 8).segment(), 8, 8), null));
      var x = new float[3 * 3 * 2];
      for (int i = 0; i < x.length; i++) x[i] = i + 1;
      var out = workspace.run("merging", Tensor.of(arena, x, 1, 3, 3, 2), merging::forward, List::of);
      assertThat(out.shape()).containsExactly(1, 2, 2, 8);
      requireNormed(out, 0, 0, 1, 2, 7, 8, 3, 4, 9, 10);
      requireNormed(out, 0, 1, 5, 6, 11, 12, 0, 0, 0, 0);
      requireNormed(out, 1, 0, 13, 14, 0, 0, 15, 16, 0, 0);
    }
  }

  private static void requireNormed(Tensor out, int y, int x, double... values) {
    double mean = 0, squares = 0;
    for (double v : values) mean += v / 8;
    for (double v : values) squares += (v - mean) * (v - mean) / 8;
    for (int c = 0; c < 8; c++) assertThat((double) out.get(0, y, x, c)).isCloseTo((values[c] - mean) / Math.sqrt(squares), within(1e-5));
  }

  /// A group norm beside its formula.
  @Test
  void groupNorm() {
    int groups = 3, each = 2, positions = 7;
    var x = random(2 * positions * 6, 1);
    var weight = random(6, 2);
    var bias = random(6, 3);
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var norm = new GroupNorm(Tensor.of(arena, weight, 6), Tensor.of(arena, bias, 6), groups, 1e-5f);
      var out = workspace.run("norm", Tensor.of(arena, x, 2, positions, 6), norm::forward, List::of);
      for (int b = 0; b < 2; b++)
        for (int g = 0; g < groups; g++) {
          double mean = 0, squares = 0;
          for (int i = 0; i < positions * each; i++) mean += x[(b * positions + i / each) * 6 + g * each + i % each] / (double) (positions * each);
          for (int i = 0; i < positions * each; i++) squares += Math.pow(x[(b * positions + i / each) * 6 + g * each + i % each] - mean, 2) / (positions * each);
          for (int i = 0; i < positions * each; i++) {
            int c = g * each + i % each;
            double expected = (x[(b * positions + i / each) * 6 + c] - mean) / Math.sqrt(squares + 1e-5) * weight[c] + bias[c];
            assertThat((double) out.get(b, i / each, c)).isCloseTo(expected, within(2e-6));
          }
        }
    }
  }
}
