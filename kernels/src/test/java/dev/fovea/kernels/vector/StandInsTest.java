package dev.fovea.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Window;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// The plain loops and those over vectors make the same bits.
class StandInsTest {
  private static final VectorKernels VECTORS = new VectorKernels(Workers.threads(1), StandIns.NEVER);
  private static final VectorKernels PLAIN = new VectorKernels(Workers.threads(2), StandIns.ALWAYS);
  private static final float[] SPECIAL = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0f, -0f, Float.MIN_VALUE,
      -Float.MIN_VALUE, Float.MAX_VALUE, -Float.MAX_VALUE};

  private final Arena arena = Arena.ofAuto();
  private final Random random = new Random(3);

  @AfterAll
  static void close() {
    VECTORS.close();
    PLAIN.close();
  }

  private MemorySegment floats(long n, double deviation) {
    var segment = arena.allocate(4 * n, 64);
    for (long i = 0; i < n; i++) segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (deviation * random.nextGaussian()));
    return segment;
  }

  /// Runs both on outputs that hold `n` floats of one and the same content, and compares bits; any NaN equals any other.
  private void expectSame(long n, BiConsumer<VectorKernels, MemorySegment> operation) {
    MemorySegment expected = floats(n, 1), actual = arena.allocate(4 * n, 64).copyFrom(expected);
    operation.accept(VECTORS, expected);
    operation.accept(PLAIN, actual);
    for (long i = 0; i < n; i++) {
      float e = expected.getAtIndex(ValueLayout.JAVA_FLOAT, i), a = actual.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      assertThat(Float.floatToIntBits(a)).as("%d: %s, expected %s", i, a, e).isEqualTo(Float.floatToIntBits(e));
    }
  }

  private Weight weight(WeightFormat format, Weight.Layout layout, int n, int k) {
    var weight = new Weight(arena.allocate(Weight.bytes(format, layout, n, k), 64), format, layout, n, k);
    Weight.rows(floats((long) n * k, 1), n, k).copyTo(weight);
    return weight;
  }

  @ParameterizedTest
  @CsvSource({"1,1000,768", "197,64,64", "257,130,1100", "600,17,515", "5,3,2", "14,96,513", "3,40,0", "30,256,1024"})
  void products(int m, int n, int k) {
    MemorySegment x = floats((long) m * k, 1), bias = floats(n, 1), residual = floats((long) m * n, 1);
    for (var type : WeightFormat.values())
      for (var layout : Weight.Layout.values()) {
        var weight = weight(type, layout, n, k);
        expectSame((long) m * n, (kernels, out) -> kernels.run(new Operation.Linear(x, weight, bias, Activation.NONE, residual, out, m)));
        expectSame((long) m * n, (kernels, out) -> kernels.run(new Operation.Linear(x, weight, null, Activation.GELU, out, out, m)));
      }
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void activationsOfAnyNumber(Activation activation) {
    int n = 1 << 18;
    var x = arena.allocate(4L * n, 64);
    for (int i = 0; i < n; i++)
      x.setAtIndex(ValueLayout.JAVA_FLOAT, i, i < SPECIAL.length ? SPECIAL[i] : Float.intBitsToFloat(random.nextInt()));
    expectSame(n, (kernels, out) -> kernels.run(new Operation.Activate(activation, x, out, n)));
    var weight = weight(WeightFormat.F32, Weight.Layout.PANELS, 50, 40);
    var left = floats(33 * 40, 1);
    var bias = floats(50, 1);
    expectSame(33 * 50, (kernels, out) -> kernels.run(new Operation.Linear(left, weight, bias, activation, null, out, 33)));
  }

  @ParameterizedTest
  @CsvSource({"1,1,64", "197,197,64", "300,600,32", "20,257,80", "7,3,5"})
  void attention(int queries, int keys, int depth) {
    int heads = 3;
    Matrices q = Matrices.dense(floats((long) heads * queries * depth, 3), heads, queries, depth);
    Matrices k = Matrices.dense(floats((long) heads * keys * depth, 3), heads, keys, depth);
    Matrices v = Matrices.dense(floats((long) heads * keys * depth, 1), heads, keys, depth);
    expectSame((long) heads * queries * depth,
        (kernels, out) -> kernels.run(new Operation.Attention(q, k, v, AttentionMask.NONE, Matrices.dense(out, heads, queries, depth), 0.125f)));
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,7", "5,768", "20,1000", "2,4099"})
  void rows(int rows, int cols) {
    MemorySegment x = floats((long) rows * cols, 5), gamma = floats(cols, 1), beta = floats(cols, 1);
    expectSame((long) rows * cols, (kernels, out) -> kernels.run(new Operation.LayerNorm(x, gamma, beta, 1e-6f, out, rows, cols)));
    expectSame((long) rows * cols, (kernels, out) -> kernels.run(new Operation.LayerNorm(x, gamma, null, 1e-6f, out, rows, cols)));
    expectSame((long) rows * cols, (kernels, out) -> kernels.run(new Operation.Softmax(x, out, rows, cols)));
    expectSame((long) rows * cols, (kernels, out) -> kernels.run(new Operation.Add(x, gamma, out, (long) rows * cols, cols)));
    expectSame((long) rows * cols, (kernels, out) -> kernels.run(new Operation.Multiply(x, gamma, out, (long) rows * cols, cols)));
  }

  @Test
  void convolutions() {
    for (int side : new int[] {2, 4, 16}) {
      var geometry = Convolution.ofPlanes(2, 3, 32, 32, Window.patch(side).pad(side == 4 ? 2 : 0));
      var x = floats(2 * 3 * 32 * 32, 1);
      var weight = weight(WeightFormat.F16, Weight.Layout.PANELS, 24, 3 * side * side);
      var bias = floats(24, 1);
      expectSame((long) geometry.windows() * 24, (kernels, out) -> kernels.run(new Operation.Convolve(x, geometry, weight, bias, Activation.NONE, null, out)));
    }
  }

  /// Windows that overlap and hang over the edges: some pieces of a product begin outside the map.
  @Test
  void paddedConvolutions() {
    for (int channels : new int[] {3, 64, 320})
      for (var window : new Window[] {Window.square(3).stride(2).pad(1), Window.square(7).stride(4).pad(3), Window.square(5).pad(2)}) {
        var geometry = Convolution.of(2, 9, 7, channels, window);
        var x = floats(2 * 9 * 7 * channels, 1);
        var weight = weight(WeightFormat.F32, Weight.Layout.PANELS, 24, window.size() * channels);
        expectSame((long) geometry.windows() * 24, (kernels, out) -> kernels.run(new Operation.Convolve(x, geometry, weight, null, Activation.GELU, null, out)));
      }
  }
}
