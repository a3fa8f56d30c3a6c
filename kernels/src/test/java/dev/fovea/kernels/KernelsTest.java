package dev.fovea.kernels;

import static dev.fovea.kernels.Buffers.copy;
import static dev.fovea.kernels.Buffers.empty;
import static dev.fovea.kernels.Buffers.floats;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every operation of the vector provider against the reference, at sizes around every vector width, with one thread and
/// with three.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class KernelsTest {
  private static final double TOLERANCE = 1e-12;

  private Kernels reference;
  private Kernels one;
  private Kernels three;

  @BeforeAll
  void open() {
    reference = KernelProvider.REFERENCE.open(Workers.all());
    one = KernelProvider.VECTOR.open(Workers.threads(1));
    three = KernelProvider.VECTOR.open(Workers.threads(3));
  }

  @AfterAll
  void close() {
    Stream.of(reference, one, three).forEach(Kernels::close);
  }

  /// Runs an operation that fills an `out` of `n` floats with each provider and compares.
  private void compare(long n, BiConsumer<Kernels, MemorySegment> operation) {
    compare(n, 1, operation);
  }

  /// @param terms products in a sum
  private void compare(long n, long terms, BiConsumer<Kernels, MemorySegment> operation) {
    compare(n, TOLERANCE, Buffers.roundings(terms), operation);
  }

  /// @param tolerance of the mean square
  /// @param largest allowed error of an element, in units of [Buffers#largestError]
  private void compare(long n, double tolerance, double largest, BiConsumer<Kernels, MemorySegment> operation) {
    Function<Kernels, MemorySegment> run = kernels -> {
      var out = empty(n);
      operation.accept(kernels, out);
      return out;
    };
    var expected = run.apply(reference);
    var actual = run.apply(one);
    assertThat(Buffers.normalizedError(actual, expected)).isLessThanOrEqualTo(tolerance);
    assertThat(Buffers.largestError(actual, expected)).isLessThanOrEqualTo(largest);
    assertThat(floats(run.apply(three))).isEqualTo(floats(actual));
  }

  /// Sizes about 4, 8 and 16 lanes and their doubles, primes, and a tile's rows.
  private static final int[] SIZES = {0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 15, 16, 17, 31, 32, 33, 61};

  static Stream<int[]> productShapes() {
    var odd = java.util.Arrays.stream(SIZES).boxed().flatMap(m -> Stream.of(new int[] {m, 33, 17}, new int[] {5, m, 13},
        new int[] {15, 19, m}));
    var real = Stream.of(new int[] {197, 192, 192}, new int[] {197, 576, 192}, new int[] {50, 64, 768}, new int[] {1, 1000, 768},
        new int[] {20, 33, 1027}, new int[] {29, 40, 3072},
        // Few rows: one, two and three tiles of them, of several pieces.
        new int[] {6, 1000, 768}, new int[] {3, 61, 1100}, new int[] {12, 64, 600}, new int[] {17, 130, 1027},
        // A weight of one number; the last panel of a weight fetched in steps of less than the bytes that are read.
        new int[] {1, 1, 1}, new int[] {60, 1, 1}, new int[] {500, 64, 40}, new int[] {900, 48, 8});
    return Stream.concat(odd, real);
  }

  @ParameterizedTest
  @MethodSource("productShapes")
  void linear(int[] shape) {
    int m = shape[0], n = shape[1], k = shape[2];
    var buffers = new Buffers(1);
    var x = buffers.normal((long) m * k);
    var rows = Weight.rows(buffers.normal((long) n * k), n, k);
    var bias = buffers.normal(n);
    var residual = buffers.normal((long) m * n);
    for (var layout : Weight.Layout.values()) {
      for (var type : WeightFormat.values()) {
        var weight = Weights.convert(rows, type, layout);
        compare((long) m * n, k, (kernels, out) ->
            kernels.run(new Operation.Linear(x, weight, null, Activation.NONE, null, out, m)));
        compare((long) m * n, k, (kernels, out) ->
            kernels.run(new Operation.Linear(x, weight, bias, Activation.GELU, residual, out, m)));
      }
    }
  }

  /// A weight in 16 bits gives the bits of a float32 weight that holds the same rounded values, in each layout, for each provider.
  @ParameterizedTest
  @MethodSource("productShapes")
  void halfPrecision(int[] shape) {
    int m = shape[0], n = shape[1], k = shape[2];
    var buffers = new Buffers(14);
    var x = buffers.normal((long) m * k);
    var rows = Weight.rows(buffers.normal((long) n * k), n, k);
    var bias = buffers.normal(n);
    for (var type : WeightFormat.values()) {
      var rounded = Weights.rounded(rows, type);
      for (var kernels : List.of(reference, one)) {
        var expected = linear(kernels, x, rounded, bias, m);
        for (var layout : Weight.Layout.values())
          assertThat(linear(kernels, x, Weights.convert(rows, type, layout), bias, m).mismatch(expected))
              .as("%s, %s in %s", kernels.name(), type, layout).isEqualTo(-1);
      }
    }
  }

  private static MemorySegment linear(Kernels kernels, MemorySegment x, Weight weight, MemorySegment bias, int m) {
    var out = empty((long) m * weight.n());
    kernels.run(new Operation.Linear(x, weight, bias, Activation.GELU, null, out, m));
    return out;
  }

  /// Cutting off the last bits instead of rounding to the nearest bf16 is another weight, which the comparison of bits sees.
  @Test
  void anotherRoundingIsSeen() {
    int n = 33, k = 17;
    var buffers = new Buffers(15);
    MemorySegment x = buffers.normal(5 * k), values = buffers.normal(n * k), bias = buffers.normal(n), other = empty(n * k);
    var rows = Weight.rows(values, n, k);
    for (int i = 0; i < n * k; i++) {
      int bits = Float.floatToRawIntBits(Buffers.get(values, i));
      Buffers.set(other, i, Float.intBitsToFloat(bits & 0xffff0000));
    }
    assertThat(linear(one, x, Weight.rows(other, n, k), bias, 5)
        .mismatch(linear(one, x, Weights.convert(rows, WeightFormat.BF16, Weight.Layout.PANELS), bias, 5))).isNotEqualTo(-1);
  }

  @ParameterizedTest
  @MethodSource("productShapes")
  void linearInPlaceOfItsResidual(int[] shape) {
    int m = shape[0], n = shape[1], k = shape[2];
    var buffers = new Buffers(2);
    var x = buffers.normal((long) m * k);
    var weight = Weight.rows(buffers.normal((long) n * k), n, k);
    var residual = buffers.normal((long) m * n);
    compare((long) m * n, k, (kernels, out) ->
        kernels.run(new Operation.Linear(x, weight, null, Activation.SILU, out.copyFrom(residual), out, m)));
  }

  @ParameterizedTest
  @MethodSource("productShapes")
  void matmul(int[] shape) {
    int m = shape[0], n = shape[1], k = shape[2];
    var buffers = new Buffers(3);
    var a = Matrices.dense(buffers.normal(6L * m * k), 6, m, k);
    var b = Matrices.dense(buffers.normal(6L * k * n), 6, k, n);
    var bt = Matrices.dense(buffers.normal(6L * k * n), 6, n, k).transposed();
    var at = Matrices.dense(buffers.normal(6L * m * k), 6, k, m).transposed();
    for (var left : new Matrices[] {a, at})
      for (var right : new Matrices[] {b, bt}) {
        compare(6L * m * n, k, (kernels, out) ->
            kernels.run(new Operation.Matmul(left, right, Matrices.dense(out, 6, m, n), 0.37f)));
        compare(6L * m * n, k, (kernels, out) ->
            kernels.run(new Operation.Matmul(left, right, Matrices.dense(out, 6, n, m).transposed(), 1)));
      }
  }

  static Stream<int[]> attentionShapes() {
    var odd = java.util.Arrays.stream(SIZES).boxed().flatMap(n -> Stream.of(new int[] {n, 33, 16}, new int[] {17, n, 8},
        new int[] {6, 19, n}));
    var real = Stream.of(new int[] {197, 197, 64}, new int[] {60, 577, 64}, new int[] {20, 1031, 40}, new int[] {70, 513, 80},
        new int[] {3, 5, 1100});
    return Stream.concat(odd, real);
  }

  /// q, k and v as the heads of one fused projection `[B, N, 3, H, D]`, as models have them.
  @ParameterizedTest
  @MethodSource("attentionShapes")
  void attention(int[] shape) {
    int queries = shape[0], keys = shape[1], d = shape[2], batch = 2, heads = 3;
    int tokens = Math.max(queries, keys);
    var qkv = new Buffers(4).normal((long) batch * tokens * 3 * heads * d);
    long row = 3L * heads * d;
    var q = head(qkv, 0, batch, heads, queries, d, tokens, row);
    var k = head(qkv, 1, batch, heads, keys, d, tokens, row);
    var v = head(qkv, 2, batch, heads, keys, d, tokens, row);
    var scale = (float) (1 / Math.sqrt(Math.max(1, d)));
    compare((long) batch * queries * heads * d, TOLERANCE, Buffers.roundings(keys, d, scale), (kernels, out) ->
        kernels.run(new Operation.Attention(q, k, v, AttentionMask.NONE,
            new Matrices(out, batch, heads, queries, d, (long) queries * heads * d, d, (long) heads * d, 1), scale)));
  }

  /// Heads, queries, keys and depth of attentions of few queries: about the sizes of vectors and blocks of keys.
  static Stream<int[]> fewQueries() {
    var odd = java.util.Arrays.stream(SIZES).boxed().flatMap(n -> Stream.of(new int[] {3, 1, 70, n}, new int[] {2, 4, n, 24},
        new int[] {2, n, 100, 64}, new int[] {n, 3, 9, 8}));
    return Stream.concat(odd, Stream.of(new int[] {2, 7, 1000, 64}, new int[] {5, 8, 131, 128}, new int[] {9, 3, 2049, 80},
        new int[] {2, 9, 1000, 64}));
  }

  /// The queries of a group of heads share keys: as rows of one matrix, or by an inner stride of zero.
  @ParameterizedTest
  @MethodSource("fewQueries")
  void attentionOfGroups(int[] shape) {
    int heads = shape[0], group = shape[1], keys = shape[2], d = shape[3];
    var buffers = new Buffers(15);
    var q = buffers.normal((long) heads * group * d);
    Matrices k = Matrices.dense(buffers.normal((long) heads * keys * d), heads, keys, d);
    Matrices v = Matrices.dense(buffers.normal((long) heads * keys * d), heads, keys, d);
    var scale = (float) (1 / Math.sqrt(Math.max(1, d)));
    compare((long) heads * group * d, TOLERANCE, Buffers.roundings(keys, d, scale), (kernels, out) ->
        kernels.run(new Operation.Attention(Matrices.dense(q, heads, group, d), k, v, AttentionMask.NONE,
            Matrices.dense(out, heads, group, d), scale)));
    MemorySegment rows = empty((long) heads * group * d), shared = empty((long) heads * group * d);
    one.run(new Operation.Attention(Matrices.dense(q, heads, group, d), k, v, AttentionMask.NONE,
        Matrices.dense(rows, heads, group, d), scale));
    one.run(new Operation.Attention(grouped(q, heads, group, 1, d), shared(k, group), shared(v, group), AttentionMask.CAUSAL,
        grouped(shared, heads, group, 1, d), scale));
    // Beyond so many queries, the kernel is another one.
    if (group <= 4) assertThat(floats(shared)).isEqualTo(floats(rows));
  }

  /// Few queries in causal order, of which the first ones see few keys or none.
  @ParameterizedTest
  @MethodSource("fewQueries")
  void attentionOfFewQueriesInOrder(int[] shape) {
    int heads = shape[0], queries = shape[1], keys = shape[2], d = shape[3];
    var buffers = new Buffers(16);
    Matrices q = Matrices.dense(buffers.normal((long) heads * queries * d), heads, queries, d);
    Matrices k = Matrices.dense(buffers.normal((long) heads * keys * d), heads, keys, d);
    Matrices v = Matrices.dense(buffers.normal((long) heads * keys * d), heads, keys, d);
    compare((long) heads * queries * d, TOLERANCE, Buffers.roundings(keys, d, 0.3), (kernels, out) ->
        kernels.run(new Operation.Attention(q, k, v, AttentionMask.CAUSAL, Matrices.dense(out, heads, queries, d), 0.3f)));
  }

  private static Matrices grouped(MemorySegment x, int heads, int group, int rows, int cols) {
    return new Matrices(x, heads, group, rows, cols, (long) group * rows * cols, (long) rows * cols, cols, 1);
  }

  /// Each matrix for all heads of a group, without a copy.
  private static Matrices shared(Matrices m, int group) {
    return new Matrices(m.segment(), m.inner(), group, m.rows(), m.cols(), m.innerStride(), 0, m.rowStride(), 1);
  }

  private static Matrices head(MemorySegment qkv, int which, int batch, int heads, int rows, int d, int tokens, long row) {
    if (qkv.byteSize() == 0) return new Matrices(qkv, batch, heads, rows, d, 0, 0, 0, 1);
    return new Matrices(qkv.asSlice(4L * which * heads * d), batch, heads, rows, d, tokens * row, d, row, 1);
  }

  /// Scores that grow from block to block force every rescaling; scores of 1e4 apart leave one key alone. A score's own
  /// rounding error, which grows with it, is the exponent's error, so that the tolerance grows with the scores.
  @ParameterizedTest
  @ValueSource(floats = {0.01f, 1, 30, 1e4f})
  void attentionWithRisingScores(float step) {
    int keys = 1500, d = 16;
    var q = Buffers.empty(20L * d);
    var k = Buffers.empty((long) keys * d);
    for (int i = 0; i < 20 * d; i++) Buffers.set(q, i, 1f / d);
    for (int i = 0; i < keys * d; i++) Buffers.set(k, i, i / d * step / keys);
    var v = Matrices.dense(new Buffers(5).normal((long) keys * d), 1, keys, d);
    double factor = Math.max(1, step);
    compare(20L * d, TOLERANCE * factor * factor, Buffers.roundings(keys + d) * factor, (kernels, out) ->
        kernels.run(new Operation.Attention(Matrices.dense(q, 1, 20, d), Matrices.dense(k, 1, keys, d), v, AttentionMask.NONE,
            Matrices.dense(out, 1, 20, d), 1)));
  }

  static Stream<int[]> rows() {
    var odd = java.util.Arrays.stream(SIZES).boxed().flatMap(n -> Stream.of(new int[] {n, 7}, new int[] {5, n}));
    return Stream.concat(odd, Stream.of(new int[] {197, 768}, new int[] {12, 3072}, new int[] {577, 577}, new int[] {3, 20011}));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void softmax(int[] shape) {
    int rows = shape[0], cols = shape[1];
    var x = new Buffers(6).normal((long) rows * cols);
    compare((long) rows * cols, (kernels, out) -> kernels.run(new Operation.Softmax(x, out, rows, cols)));
    compare((long) rows * cols, (kernels, out) -> kernels.run(new Operation.Softmax(out.copyFrom(x), out, rows, cols)));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void layerNorm(int[] shape) {
    int rows = shape[0], cols = shape[1];
    var buffers = new Buffers(7);
    var x = buffers.normal((long) rows * cols);
    var gamma = buffers.normal(cols);
    var beta = buffers.normal(cols);
    compare((long) rows * cols, (kernels, out) -> kernels.run(new Operation.LayerNorm(x, gamma, beta, 1e-6f, out, rows, cols)));
    compare((long) rows * cols, (kernels, out) -> kernels.run(new Operation.LayerNorm(x, gamma, null, 1e-12f, out, rows, cols)));
    compare((long) rows * cols, (kernels, out) ->
        kernels.run(new Operation.LayerNorm(out.copyFrom(x), gamma, beta, 1e-6f, out, rows, cols)));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void rmsNorm(int[] shape) {
    int rows = shape[0], cols = shape[1];
    var buffers = new Buffers(7);
    var x = buffers.normal((long) rows * cols);
    var gamma = buffers.normal(cols);
    compare((long) rows * cols, (kernels, out) -> kernels.run(new Operation.RmsNorm(x, gamma, 1e-6f, out, rows, cols)));
    compare((long) rows * cols, (kernels, out) -> kernels.run(new Operation.RmsNorm(out.copyFrom(x), null, 0.5f, out, rows, cols)));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void gather(int[] shape) {
    int count = shape[0], cols = shape[1], rows = 37;
    var buffers = new Buffers(10);
    var table = buffers.normal((long) rows * cols);
    var indices = Buffers.empty(count);
    for (int i = 0; i < count; i++) Buffers.set(indices, i, (i * 17 + 5) % rows);
    for (var layout : Weight.Layout.values())
      for (var type : WeightFormat.values()) {
        var weight = Weights.convert(Weight.rows(table, rows, cols), type, layout);
        compare((long) count * cols, (kernels, out) -> kernels.run(new Operation.Gather(weight, indices, out, count)));
        MemorySegment exact = empty((long) count * cols), found = empty((long) count * cols);
        reference.run(new Operation.Gather(Weights.rounded(Weight.rows(table, rows, cols), type), indices, exact, count));
        one.run(new Operation.Gather(weight, indices, found, count));
        assertThat(found.mismatch(exact)).as("%s in %s", type, layout).isEqualTo(-1);
      }
  }

  @ParameterizedTest
  @MethodSource("rows")
  void find(int[] shape) {
    int rows = shape[0], cols = shape[1];
    var x = Buffers.empty((long) rows * cols);
    for (int i = 0; i < rows * cols; i++) Buffers.set(x, i, i % 11);
    for (float value : new float[] {3, 10, 11}) compare(rows, (kernels, out) ->
        kernels.run(new Operation.Find(x, value, out, rows, cols)));
  }

  @Test
  void whatIsFoundAndWhatIsNot() {
    var x = Buffers.of(5, 7, 7,   1, 2, 3,   0, 1, 7);
    var out = Buffers.empty(3);
    three.run(new Operation.Find(x, 7, out, 3, 3));
    assertThat(floats(out)).isEqualTo(new float[] {1, Float.NaN, 8});
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 1009, 100_003})
  void elementWise(long n) {
    var buffers = new Buffers(8);
    var a = buffers.normal(n);
    var b = buffers.normal(n);
    for (var activation : Activation.values()) {
      compare(n, (kernels, out) -> kernels.run(new Operation.Activate(activation, a, out, n)));
      compare(n, (kernels, out) -> kernels.run(new Operation.Activate(activation, out.copyFrom(a), out, n)));
    }
    compare(n, (kernels, out) -> kernels.run(new Operation.Add(a, b, out, n, n)));
    compare(n, (kernels, out) -> kernels.run(new Operation.Multiply(a, b, out, n, n)));
    compare(n, (kernels, out) -> kernels.run(new Operation.Scale(a, -1.7f, out, n)));
    for (int period : new int[] {1, 3, 17, 1000}) {
      long whole = n * period;
      var x = buffers.normal(whole);
      var y = buffers.normal(period);
      compare(whole, (kernels, out) -> kernels.run(new Operation.Add(x, y, out, whole, period)));
      compare(whole, (kernels, out) -> kernels.run(new Operation.Multiply(out.copyFrom(x), y, out, whole, period)));
      if (n > 10_000) break;
    }
  }

  /// A picture with channels last becomes planes, and back.
  @ParameterizedTest
  @CsvSource({"1, 1, 1", "3, 7, 5", "16, 3, 16", "150, 4, 33", "17, 2, 70", "40, 1, 128"})
  void copyOfChannels(int channels, int height, int width) {
    int size = channels * height * width;
    var x = new Buffers(22).normal(2L * size);
    compare(2L * size, (kernels, out) ->
        kernels.run(new Operation.Copy(channelsLast(x, channels, height, width), planes(out, channels, height, width))));
    compare(2L * size, (kernels, out) ->
        kernels.run(new Operation.Copy(planes(x, channels, height, width), channelsLast(out, channels, height, width))));
  }

  private static Matrices channelsLast(MemorySegment x, int channels, int height, int width) {
    return new Matrices(x, 2, channels, height, width, (long) channels * height * width, 1, (long) channels * width, channels);
  }

  private static Matrices planes(MemorySegment x, int channels, int height, int width) {
    return new Matrices(x, 2, channels, height, width, (long) channels * height * width, (long) height * width, width, 1);
  }

  @ParameterizedTest
  @MethodSource("rows")
  void copies(int[] shape) {
    int rows = shape[0], cols = shape[1];
    var x = new Buffers(9).normal(2L * rows * cols);
    compare(2L * rows * cols, (kernels, out) ->
        kernels.run(new Operation.Copy(Matrices.dense(x, 2, rows, cols), Matrices.dense(out, 2, rows, cols))));
    compare(2L * rows * cols, (kernels, out) -> kernels.run(new Operation.Copy(Matrices.dense(x, 2, rows, cols),
        Matrices.dense(out, 2, cols, rows).transposed())));
  }

  /// Angles of many turns: rounded to float32 before the sine they would be off by a ten-thousandth.
  @Test
  void fourierFeatures() {
    var buffers = new Buffers(13);
    var x = buffers.normal(33 * 2);
    var basis = buffers.normal(2 * 17);
    one.run(new Operation.Scale(basis, 100, basis, 2 * 17));
    compare(33 * 34, (kernels, out) -> kernels.run(new Operation.Fourier(x, 0.3, -0.1, basis, out, 33, 2, 17)));
    var out = empty(4);
    one.run(new Operation.Fourier(Buffers.of(0.5f, 1), 0.5, 0, Buffers.of(1, 0, 0, 1), out, 1, 2, 2));
    assertThat(floats(out)).containsExactly(1, (float) Math.sin(Math.PI), (float) Math.cos(Math.PI / 2), -1);
  }

  /// Rows of heads in a fused projection `[N, H, D]`, turned into heads `[H, N, D]`.
  @ParameterizedTest
  @MethodSource("rows")
  void rotary(int[] shape) {
    int rows = shape[0], d = 2 * shape[1], heads = 3;
    var buffers = new Buffers(17);
    MemorySegment x = buffers.normal((long) rows * heads * d), table = buffers.normal((long) rows * d);
    compare((long) rows * heads * d, (kernels, out) -> kernels.run(new Operation.Rotary(
        new Matrices(x, 1, heads, rows, d, 0, d, (long) heads * d, 1), table, Matrices.dense(out, heads, rows, d))));
  }

  @Test
  void rotaryTables() {
    var frequencies = Buffers.of(1, 0.1f, 1e-4f);
    var start = empty(1);
    for (float first : new float[] {0, 1, 1000, 131_071, -3, Float.NaN}) {
      Buffers.set(start, 0, first);
      compare(7 * 6, (kernels, out) -> kernels.run(new Operation.RotaryTable(frequencies, start, out, 7, 3)));
      var out = empty(7 * 6);
      one.run(new Operation.RotaryTable(frequencies, start, out, 7, 3));
      for (int row = 0; row < 7; row++)
        for (int f = 0; f < 3; f++) {
          float angle = (Math.max(0, (int) first) + row) * Buffers.get(frequencies, f);
          assertThat(Buffers.get(out, row * 6 + f)).isEqualTo((float) Math.cos(angle));
          assertThat(Buffers.get(out, row * 6 + 3 + f)).isEqualTo((float) Math.sin(angle));
        }
    }
  }

  /// The product of two turned rows depends on the distance of their positions alone.
  @Test
  void turnedRowsKnowTheirDistance() {
    var frequencies = Buffers.of(1, 0.3f, 0.01f);
    var x = new Buffers(18).normal(6);
    MemorySegment table = empty(6), turned = empty(6);
    double[] products = new double[3];
    for (int i = 0; i < products.length; i++) {
      float[][] rows = new float[2][];
      for (int j = 0; j < 2; j++) {
        one.run(new Operation.RotaryTable(frequencies, Buffers.of(100 * i + 7 * j), table, 1, 3));
        one.run(new Operation.Rotary(Matrices.dense(x, 1, 1, 6), table, Matrices.dense(turned, 1, 1, 6)));
        rows[j] = floats(turned);
      }
      for (int c = 0; c < 6; c++) products[i] += rows[0][c] * rows[1][c];
    }
    for (double product : products) assertThat(product).isCloseTo(products[0], org.assertj.core.data.Offset.offset(1e-5));
    assertThat(floats(turned)).isNotEqualTo(floats(x));
  }

  @Test
  void inputsStayAndGuardsStay() {
    var buffers = new Buffers(12);
    var x = buffers.normal(15 * 17);
    var before = copy(x);
    var weight = Weight.rows(buffers.normal(9 * 17), 9, 17);
    assertThat(Buffers.keepsGuards(15 * 9, out ->
        three.run(new Operation.Linear(x, weight, null, Activation.GELU, null, out, 15)))).isTrue();
    assertThat(Buffers.keepsGuards(15 * 17, out -> three.run(new Operation.Softmax(x, out, 15, 17)))).isTrue();
    assertThat(Buffers.keepsGuards(15 * 17, out -> three.run(new Operation.Activate(Activation.GELU, x, out, 15 * 17)))).isTrue();
    assertThat(Buffers.keepsGuards(15 * 17, out ->
        three.run(new Operation.LayerNorm(x, buffers.normal(17), null, 0, out, 15, 17)))).isTrue();
    Matrices few = Matrices.dense(x, 5, 3, 17);
    assertThat(Buffers.keepsGuards(15 * 17, out ->
        three.run(new Operation.Attention(few, few, few, AttentionMask.CAUSAL, Matrices.dense(out, 5, 3, 17), 1)))).isTrue();
    assertThat(floats(x)).isEqualTo(floats(before));
  }
}
