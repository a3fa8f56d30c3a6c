package dev.fovea.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Window;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// The scalar loops and the vector loops compute the same bits.
class ScalarKernelsTest {
  private static final VectorKernels VECTOR = new VectorKernels(Workers.threads(1));
  private static final Workers TWO = Workers.threads(2);
  private static final ScratchPool SCRATCH = new ScratchPool(2);
  private static final ScalarKernels SCALAR = new ScalarKernels(TWO, SCRATCH);
  private static final float[] SPECIAL = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0f, -0f, Float.MIN_VALUE,
      -Float.MIN_VALUE, Float.MAX_VALUE, -Float.MAX_VALUE};

  private final Arena arena = Arena.ofAuto();
  private final Random random = new Random(3);

  @AfterAll
  static void close() {
    VECTOR.close();
    SCRATCH.close();
    TWO.close();
  }

  private MemorySegment floats(long n, double deviation) {
    var segment = arena.allocate(4 * n, 64);
    for (long i = 0; i < n; i++) segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (deviation * random.nextGaussian()));
    return segment;
  }

  /// Runs both on outputs that hold `n` floats of one and the same content, and compares bits; any NaN equals any other.
  private void expectSame(long n, Function<MemorySegment, Operation> operation) {
    MemorySegment expected = floats(n, 1), actual = arena.allocate(4 * n, 64).copyFrom(expected);
    VECTOR.run(operation.apply(expected));
    assertThat(SCALAR.tryRun(operation.apply(actual))).as("there are scalar loops").isTrue();
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
        expectSame((long) m * n, out -> new Operation.Linear(x, weight, bias, Activation.NONE, residual, out, m));
        expectSame((long) m * n, out -> new Operation.Linear(x, weight, null, Activation.GELU, out, out, m));
      }
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void activationsOfAnyNumber(Activation activation) {
    int n = 1 << 18;
    var x = arena.allocate(4L * n, 64);
    for (int i = 0; i < n; i++)
      x.setAtIndex(ValueLayout.JAVA_FLOAT, i, i < SPECIAL.length ? SPECIAL[i] : Float.intBitsToFloat(random.nextInt()));
    expectSame(n, out -> new Operation.Activate(activation, x, out, n));
    var weight = weight(WeightFormat.F32, Weight.Layout.PANELS, 50, 40);
    var left = floats(33 * 40, 1);
    var bias = floats(50, 1);
    expectSame(33 * 50, out -> new Operation.Linear(left, weight, bias, activation, null, out, 33));
  }

  @ParameterizedTest
  @CsvSource({"1,1,64", "197,197,64", "300,600,32", "20,257,80", "7,3,5", "1,1000,64", "4,513,80", "8,130,65", "3,131,13", "2,64,1100"})
  void attention(int queries, int keys, int depth) {
    int heads = 3;
    Matrices q = Matrices.dense(floats((long) heads * queries * depth, 3), heads, queries, depth);
    Matrices k = Matrices.dense(floats((long) heads * keys * depth, 3), heads, keys, depth);
    Matrices v = Matrices.dense(floats((long) heads * keys * depth, 1), heads, keys, depth);
    expectSame((long) heads * queries * depth,
        out -> new Operation.Attention(q, k, v, AttentionMask.NONE, Matrices.dense(out, heads, queries, depth), 0.125f));
  }

  /// Rows and columns of any layout.
  @ParameterizedTest
  @CsvSource({"1,1,1", "5,64,64", "3,0,20", "20,37,300", "300,1030,17", "2,515,600"})
  void matrixProducts(int m, int k, int n) {
    int heads = 2;
    var a = Matrices.dense(floats((long) heads * m * k, 1), heads, m, k);
    var b = Matrices.dense(floats((long) heads * k * n, 1), heads, k, n);
    var bt = Matrices.dense(floats((long) heads * k * n, 1), heads, n, k).transposed();
    long size = (long) heads * m * n;
    expectSame(size, out -> new Operation.Matmul(a, b, Matrices.dense(out, heads, m, n), 0.3f));
    expectSame(size, out -> new Operation.Matmul(a, bt, Matrices.dense(out, heads, m, n), 0.3f));
    expectSame(size, out -> new Operation.Matmul(a, b, Matrices.dense(out, heads, n, m).transposed(), 0.3f));
  }

  /// A text by itself, the next block of a longer one, and more queries than keys, of which the first see none.
  @ParameterizedTest
  @CsvSource({"9,9,64", "57,57,64", "197,197,64", "300,300,32", "128,700,64", "16,272,32", "60,1100,80", "70,40,65", "300,7,16"})
  void causalAttention(int queries, int keys, int depth) {
    int heads = 2;
    Matrices q = Matrices.dense(floats((long) heads * queries * depth, 3), heads, queries, depth);
    Matrices k = Matrices.dense(floats((long) heads * keys * depth, 3), heads, keys, depth);
    Matrices v = Matrices.dense(floats((long) heads * keys * depth, 1), heads, keys, depth);
    expectSame((long) heads * queries * depth,
        out -> new Operation.Attention(q, k, v, AttentionMask.CAUSAL, Matrices.dense(out, heads, queries, depth), 0.125f));
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,7", "5,768", "20,1000", "2,4099"})
  void rows(int rows, int cols) {
    MemorySegment x = floats((long) rows * cols, 5), gamma = floats(cols, 1), beta = floats(cols, 1);
    expectSame((long) rows * cols, out -> new Operation.LayerNorm(x, gamma, beta, 1e-6f, out, rows, cols));
    expectSame((long) rows * cols, out -> new Operation.LayerNorm(x, gamma, null, 1e-6f, out, rows, cols));
    expectSame((long) rows * cols, out -> new Operation.Softmax(x, out, rows, cols));
    expectSame((long) rows * cols, out -> new Operation.RmsNorm(x, gamma, 1e-6f, out, rows, cols));
    expectSame((long) rows * cols, out -> new Operation.RmsNorm(x, null, 1e-6f, out, rows, cols));
    expectSame((long) rows * cols, out -> new Operation.Scale(x, -1.7f, out, (long) rows * cols));
    expectSame((long) rows * cols, out -> new Operation.Add(x, gamma, out, (long) rows * cols, cols));
    expectSame((long) rows * cols, out -> new Operation.Multiply(x, gamma, out, (long) rows * cols, cols));
  }

  @Test
  void convolutions() {
    for (int side : new int[] {2, 4, 16}) {
      var geometry = Convolution.ofPlanes(2, 3, 32, 32, Window.patch(side).pad(side == 4 ? 2 : 0));
      var x = floats(2 * 3 * 32 * 32, 1);
      var weight = weight(WeightFormat.F16, Weight.Layout.PANELS, 24, 3 * side * side);
      var bias = floats(24, 1);
      expectSame((long) geometry.windows() * 24, out ->
          new Operation.Convolve(x, geometry, weight, bias, Activation.NONE, null, out));
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
        expectSame((long) geometry.windows() * 24, out ->
            new Operation.Convolve(x, geometry, weight, null, Activation.GELU, null, out));
      }
  }

  @Test
  void transposedConvolutions() {
    var x = floats(2 * 5 * 3 * 40, 1);
    var weight = weight(WeightFormat.F32, Weight.Layout.PANELS, 2 * 2 * 24, 40);
    var bias = floats(24, 1);
    expectSame(2 * 10 * 6 * 24, out -> new Operation.TransposedConvolution(x, 2, 5, 3, 2, weight, bias, Activation.GELU, out));
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "20,3,17", "33,2,40"})
  void copies(int channels, int rows, int cols) {
    int size = channels * rows * cols;
    var channelsLast = new Matrices(floats(size, 1), 1, channels, rows, cols, 0, 1, (long) cols * channels, channels);
    expectSame(size, out -> new Operation.Copy(channelsLast, new Matrices(out, 1, channels, rows, cols, 0, (long) rows * cols, cols, 1)));
  }

  /// Heads in a projection `[N, H, D]`.
  @ParameterizedTest
  @CsvSource({"1,1,2", "3,7,10", "30,4,64", "5,2,130"})
  void rotary(int rows, int heads, int depth) {
    MemorySegment x = floats((long) rows * heads * depth, 1), table = floats((long) rows * depth, 1);
    expectSame((long) rows * heads * depth, out -> new Operation.Rotary(
        new Matrices(x, 1, heads, rows, depth, 0, depth, (long) heads * depth, 1), table, Matrices.dense(out, heads, rows, depth)));
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "3,8,4", "100,17,2", "40,32,4", "20,53,3"})
  void sampling(int queries, int depth, int points) {
    int heads = 2;
    var levels = List.of(new MapSize(6, 9), new MapSize(3, 4), new MapSize(1, 2));
    long samples = (long) queries * heads * levels.size() * points;
    for (int coordinates : new int[] {2, 4}) {
      MemorySegment reference = floats((long) queries * levels.size() * coordinates, 1), offsets = floats(2 * samples, 1);
      expectSame(2 * samples, out ->
          new Operation.SamplingPoints(reference, offsets, out, 1, queries, heads, levels, points, coordinates));
    }
    MemorySegment values = floats(MapSize.cells(levels) * heads * depth, 1), places = floats(2 * samples, 1), weights = floats(samples, 1);
    places.setAtIndex(ValueLayout.JAVA_FLOAT, samples, Float.NaN);
    expectSame((long) queries * heads * depth, out ->
        new Operation.DeformableAttention(values, places, weights, out, 1, queries, heads, depth, levels, points));
  }

  /// Over a cache of which a part is in use, and behind that part.
  @Test
  void caches() {
    int heads = 2, capacity = 40, depth = 16;
    var length = arena.allocate(4, 64);
    length.set(ValueLayout.JAVA_FLOAT, 0, 23);
    var q = Matrices.dense(floats(heads * depth, 3), heads, 1, depth);
    var k = Matrices.dense(floats((long) heads * capacity * depth, 3), heads, capacity, depth);
    var row = Matrices.dense(floats(heads * depth, 1), heads, 1, depth);
    var mask = new AttentionMask(false, null, null, null, length);
    expectSame(heads * depth, out -> new Operation.Attention(q, k, k, mask, Matrices.dense(out, heads, 1, depth), 0.25f));
    var few = Matrices.dense(floats(heads * 3 * depth, 3), heads, 3, depth);
    expectSame(heads * 3 * depth, out ->
        new Operation.Attention(few, k, k, AttentionMask.cached(length), Matrices.dense(out, heads, 3, depth), 0.25f));
    var many = Matrices.dense(floats(heads * 17 * depth, 3), heads, 17, depth);
    expectSame(heads * 17 * depth, out ->
        new Operation.Attention(many, k, k, AttentionMask.cached(length), Matrices.dense(out, heads, 17, depth), 0.25f));
    expectSame((long) heads * capacity * depth, out -> new Operation.Append(row, Matrices.dense(out, heads, capacity, depth), length));
  }

  /// What has no scalar loops runs nothing.
  @Test
  void refusals() {
    var x = floats(64, 1);
    var out = arena.allocate(256, 64);
    var m = Matrices.dense(x, 1, 8, 8);
    var mask = AttentionMask.padding(x);
    assertThat(SCALAR.tryRun(new Operation.Attention(m, m, m, mask, Matrices.dense(out, 1, 8, 8), 1))).isFalse();
    assertThat(SCALAR.tryRun(new Operation.AttentionMaps(m, m, AttentionMask.NONE, out, 1))).isFalse();
    assertThat(out.mismatch(arena.allocate(256, 64))).isEqualTo(-1);
  }
}
