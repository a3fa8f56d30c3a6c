package dev.fovea.engine.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Layers over maps, against plain loops that stand here.
class MapLayersTest {
  private static final int B = 2, ROWS = 3, COLS = 5, C = 8, HEADS = 2, D = C / HEADS;

  private final Arena arena = Arena.ofShared();
  private final RandomLayers random = new RandomLayers(arena);

  @AfterEach
  void close() {
    arena.close();
  }

  private float[] run(KernelProvider provider, Tensor x, UnaryOperator<Tensor> layer) {
    try (var kernels = provider.open(Workers.threads(2)); var workspace = new Workspace(kernels)) {
      return workspace.run("layer", x, layer, List::of).toArray();
    }
  }

  private static double[] apply(Linear map, double[] x) {
    var out = new double[map.weight().n()];
    for (int i = 0; i < out.length; i++) {
      out[i] = map.bias().get(i);
      for (int j = 0; j < x.length; j++) out[i] += map.weight().get(i, j) * x[j];
    }
    return out;
  }

  private static double[] place(Tensor x, int b, int at) {
    var values = new double[C];
    for (int c = 0; c < C; c++) values[c] = x.get(b, at / COLS, at % COLS, c);
    return values;
  }

  /// A map that is not square, so that rows and columns cannot be exchanged unnoticed.
  @ParameterizedTest
  @EnumSource
  void gridAttention(KernelProvider provider) {
    var attention = new GridAttention(random.linear(C, 3 * C), random.linear(C, C), HEADS, random.normal(2 * ROWS - 1, D),
        random.normal(2 * COLS - 1, D));
    var x = random.normal(B, ROWS, COLS, C);
    var actual = run(provider, x, t -> attention.forward(t, Probe.Site.NOWHERE));
    for (int b = 0; b < B; b++)
      for (int at = 0; at < ROWS * COLS; at++) {
        var expected = expected(attention, x, b, at);
        for (int c = 0; c < C; c++) assertThat((double) actual[(b * ROWS * COLS + at) * C + c]).isCloseTo(expected[c],
            within(1e-5));
      }
    var square = random.normal(B, COLS, COLS, C);
    assertThatThrownBy(() -> run(provider, square, t -> attention.forward(t, Probe.Site.NOWHERE))).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("attention: expected a map of 3x5, got [2, 5, 5, 8]");
  }

  private static double[] expected(GridAttention attention, Tensor x, int b, int at) {
    var q = apply(attention.qkv(), place(x, b, at));
    var context = new double[C];
    for (int h = 0; h < HEADS; h++) {
      var weights = new double[ROWS * COLS];
      double sum = 0;
      for (int key = 0; key < weights.length; key++) {
        var k = apply(attention.qkv(), place(x, b, key));
        double score = 0;
        for (int d = 0; d < D; d++) {
          double query = q[h * D + d];
          score += query * k[C + h * D + d] / Math.sqrt(D);
          score += query * attention.relPosH().get(at / COLS - key / COLS + ROWS - 1, d);
          score += query * attention.relPosW().get(at % COLS - key % COLS + COLS - 1, d);
        }
        sum += weights[key] = Math.exp(score);
      }
      for (int key = 0; key < weights.length; key++) {
        var v = apply(attention.qkv(), place(x, b, key));
        for (int d = 0; d < D; d++) context[h * D + d] += weights[key] / sum * v[2 * C + h * D + d];
      }
    }
    return apply(attention.proj(), context);
  }

  /// Windows cut behind the first projection, and filled with its bias, give what zeros before it do.
  @ParameterizedTest
  @CsvSource({"6,9,3", "7,8,3", "2,2,5", "5,4,2"})
  void gridAttentionInWindows(int height, int width, int size) {
    var attention = new GridAttention(random.linear(C, 3 * C), random.linear(C, C), HEADS, random.normal(2 * size - 1, D),
        random.normal(2 * size - 1, D));
    var x = random.normal(B, height, width, C);
    var zeros = new MapWindows(size, C);
    float[] expected = run(KernelProvider.REFERENCE, x, t -> zeros.join(attention.forward(zeros.cut(t), Probe.Site.NOWHERE), B, height, width));
    for (var provider : KernelProvider.values()) {
      float[] actual = run(provider, x, t -> attention.forward(t, attention.windows(size), Probe.Site.NOWHERE));
      for (int i = 0; i < expected.length; i++) assertThat((double) actual[i]).isCloseTo(expected[i], within(1e-5));
    }
  }

  @ParameterizedTest
  @CsvSource({"6,9,3", "7,8,3", "2,2,5", "4,4,4", "5,4,2", "4,5,2"})
  void windows(int height, int width, int size) {
    var x = random.normal(B, height, width, C);
    var windows = new MapWindows(size, C);
    int rows = Math.ceilDiv(height, size), cols = Math.ceilDiv(width, size);
    var cut = run(KernelProvider.VECTOR, x, windows::cut);
    for (int at = 0, i = 0; at < B * rows * cols * size * size; at++) {
      int inside = at % (size * size), window = at / (size * size);
      int y = window / cols % rows * size + inside / size, left = window % cols * size + inside % size;
      for (int c = 0; c < C; c++)
        assertThat(cut[i++]).isEqualTo(y < height && left < width ? x.get(window / cols / rows, y, left, c) : 0);
    }
    assertThat(run(KernelProvider.VECTOR, x, t -> windows.join(windows.cut(t), B, height, width))).isEqualTo(x.toArray());
  }

  /// The centre of a square is no direction's; its corner samples lie half a sample inside.
  @Test
  void positions() {
    var positions = new FourierPositions(Tensor.of(arena, new float[] {0.25f, 0, 0, 0.5f}, 2, 2));
    var x = Tensor.of(arena, new float[] {31.5f, 31.5f, 0, 63}, 2, 2);
    var features = run(KernelProvider.REFERENCE, x, t -> positions.forward(t, 64));
    assertThat(features).startsWith(0, 0, 1, 1);
    double inside = 1 - 1.0 / 64;
    assertThat((double) features[4]).isCloseTo(Math.sin(-Math.PI / 2 * inside), within(1e-6));
    assertThat((double) features[5]).isCloseTo(Math.sin(Math.PI * inside), within(1e-6));
    assertThat(FourierPositions.grid(2).toArray()).containsExactly(0, 0, 1, 0, 0, 1, 1, 1);
  }
}
