package dev.fovea.kernels;

import static dev.fovea.kernels.Buffers.empty;
import static dev.fovea.kernels.Buffers.floats;
import static dev.fovea.kernels.Buffers.get;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every convolution of both providers against loops over PyTorch's layouts, `x[b][c][y][x]` and `weight[n][c][dy][dx]`,
/// which know nothing of [Convolution]'s.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ConvolutionTest {
  private static final double ULP = 0x1p-24;

  private Kernels reference;
  private Kernels one;
  private Kernels three;

  @BeforeAll
  void open() {
    reference = KernelProvider.REFERENCE.open(Workers.threads(2));
    one = KernelProvider.VECTOR.open(Workers.threads(1));
    three = KernelProvider.VECTOR.open(Workers.threads(3));
  }

  @AfterAll
  void close() {
    Stream.of(reference, one, three).forEach(Kernels::close);
  }

  /// A convolution's numbers in PyTorch's order.
  ///
  /// @param n outputs
  /// @param weight exact in every type whose numbers have no common scale
  private record Case(int batch, int c, int h, int w, int n, Window window, int groups, float[] x, float[] weight, float[] bias,
      float[] residual) {

    static Case of(int batch, int c, int h, int w, int n, Window window, int groups) {
      var random = new Random(batch + 3L * c + 5L * h + 7L * w + 11L * n + window.hashCode());
      int out = batch * n * window.rows(h) * window.cols(w);
      return new Case(batch, c, h, w, n, window, groups, normal(random, batch * c * h * w),
          exact(random, n * (c / Math.max(1, groups)) * window.size()), normal(random, n), normal(random, out));
    }

    /// PyTorch's `conv2d`, each sum with the sum of its terms' magnitudes, as `[B, rows, cols, N]`.
    Sums sums() {
      int rows = window.rows(h), cols = window.cols(w), depth = groups == 0 ? 0 : c / groups;
      var sums = new Sums(batch * rows * cols * n, depth * window.size() + 2);
      int at = 0;
      for (int b = 0; b < batch; b++)
        for (int row = 0; row < rows; row++)
          for (int col = 0; col < cols; col++)
            for (int i = 0; i < n; i++, at++) {
              sums.add(at, bias[i]);
              for (int j = 0; j < depth; j++)
                for (int dy = 0; dy < window.height(); dy++)
                  for (int dx = 0; dx < window.width(); dx++) {
                    int y = row * window.strideY() - window.padY() + dy, from = col * window.strideX() - window.padX() + dx;
                    if (y < 0 || y >= h || from < 0 || from >= w) continue;
                    int channel = i / (n / groups) * depth + j;
                    sums.add(at, (double) x[((b * c + channel) * h + y) * w + from]
                        * weight[((i * depth + j) * window.height() + dy) * window.width() + dx]);
                  }
            }
      return sums;
    }

    MemorySegment map(Convolution.Layout layout) {
      return layout == Convolution.Layout.PLANES ? Buffers.of(x) : permuted(x, batch, c, h * w);
    }

    Weight rows(Convolution.Layout layout) {
      int depth = groups == 0 ? 0 : c / groups;
      return Weight.rows(layout == Convolution.Layout.PLANES ? Buffers.of(weight) : permuted(weight, n, depth, window.size()), n,
          depth * window.size());
    }

    Convolution geometry(Convolution.Layout layout) {
      return new Convolution(batch, h, w, c, window, groups, layout);
    }
  }

  /// `[a][b][c]` as `[a][c][b]`.
  private static MemorySegment permuted(float[] values, int a, int b, int c) {
    var to = empty(values.length);
    for (int i = 0; i < a; i++)
      for (int j = 0; j < b; j++)
        for (int k = 0; k < c; k++) Buffers.set(to, ((long) i * c + k) * b + j, values[(i * b + j) * c + k]);
    return to;
  }

  private static float[] normal(Random random, int n) {
    var values = new float[n];
    for (int i = 0; i < n; i++) values[i] = (float) random.nextGaussian();
    return values;
  }

  private static float[] exact(Random random, int n) {
    var values = new float[n];
    for (int i = 0; i < n; i++) values[i] = (random.nextInt(255) - 127) / 64f;
    return values;
  }

  /// Sums in double, with what float32 may lose on them.
  private static final class Sums {
    private final double[] value;
    private final double[] magnitude;
    private final int terms;

    Sums(int count, int terms) {
      value = new double[count];
      magnitude = new double[count];
      this.terms = terms;
    }

    void add(int at, double term) {
      value[at] += term;
      magnitude[at] += Math.abs(term);
    }

    /// Checks `actual` against `activation(sum) + residual`. A sum of `k` terms in float32 is off by at most
    /// `k · 2⁻²⁴ · Σ |term|` (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 4.2); a sum in double
    /// by its last rounding. [Activation#SILU] stretches an error by at most 1.1.
    void check(MemorySegment actual, Activation activation, float[] residual, boolean exact) {
      assertThat(actual.byteSize()).isEqualTo(4L * value.length);
      for (int i = 0; i < value.length; i++) {
        double y = switch (activation) {
          case NONE -> value[i];
          case SILU -> value[i] / (1 + Math.exp(-value[i]));
          default -> throw new IllegalArgumentException(activation.toString());
        };
        double expected = residual == null ? y : y + residual[i];
        double allowed = 1.1 * (exact ? 0 : terms) * ULP * magnitude[i] + 8 * ULP * (Math.abs(y) + Math.abs(expected));
        double error = Math.abs(get(actual, i) - expected);
        if (!(error <= allowed))
          throw new AssertionError("element " + i + " of " + value.length + ": expected " + expected + " ± " + allowed + ", got " + get(actual, i));
      }
    }
  }

  /// Runs an operation with each provider; the vector provider's bits do not depend on the threads.
  private void check(Sums sums, Activation activation, float[] residual, boolean withReference,
      BiConsumer<Kernels, MemorySegment> operation) {
    var out = empty(sums.value.length);
    operation.accept(one, out);
    sums.check(out, activation, residual, false);
    var again = empty(sums.value.length);
    operation.accept(three, again);
    assertThat(again.mismatch(out)).isEqualTo(-1);
    if (!withReference) return;
    operation.accept(reference, out);
    sums.check(out, activation, residual, true);
  }

  private void convolution(Case c, boolean withReference) {
    var sums = c.sums();
    var bias = Buffers.of(c.bias);
    for (var layout : Convolution.Layout.values()) {
      var x = c.map(layout);
      var rows = c.rows(layout);
      var panels = Weights.convert(rows, WeightFormat.F32, Weight.Layout.PANELS);
      var g = c.geometry(layout);
      check(sums, Activation.NONE, null, withReference, (kernels, out) -> kernels.run(new Operation.Convolve(x, g, panels, bias, Activation.NONE, null, out)));
      check(sums, Activation.SILU, c.residual, false, (kernels, out) ->
          kernels.run(new Operation.Convolve(x, g, rows, bias, Activation.SILU, Buffers.of(c.residual), out)));
    }
  }

  static Stream<Integer> kernelSizes() {
    return IntStream.rangeClosed(1, 7).boxed();
  }

  @ParameterizedTest
  @MethodSource("kernelSizes")
  void everyStridePaddingAndGrouping(int kernel) {
    for (int stride = 1; stride <= 4; stride++)
      for (int pad = 0; pad <= 3; pad++)
        for (int groups : new int[] {1, 2, 4}) {
          var window = Window.square(kernel).stride(stride).pad(pad);
          convolution(Case.of(2, 4, 7 + stride, 8 + pad, groups * (1 + pad), window, groups), stride == 2);
        }
  }

  static Stream<Case> cases() {
    var uneven = new Window(5, 2, 1, 3, 4, 5);
    return Stream.of(
        Case.of(1, 3, 41, 39, 32, Window.square(7).stride(4).pad(3), 1), Case.of(2, 32, 9, 11, 33, Window.square(3).stride(2).pad(1), 1),
        Case.of(1, 96, 7, 8, 20, Window.square(3).pad(1), 1), Case.of(1, 32, 16, 24, 32, Window.patch(8), 1),
        Case.of(2, 3, 32, 48, 48, Window.patch(16), 1), Case.of(1, 3, 35, 33, 16, Window.patch(16), 1), Case.of(2, 70, 5, 7, 40, Window.square(1), 1),
        Case.of(1, 17, 6, 5, 31, Window.square(1).stride(2), 1), Case.of(1, 17, 3, 4, 9, Window.square(1).pad(1), 1),
        Case.of(2, 6, 5, 4, 48, Window.square(3).pad(1), 3), Case.of(1, 40, 6, 7, 80, Window.square(3).pad(1), 2),
        Case.of(1, 33, 5, 6, 33, Window.square(3).pad(1), 33), Case.of(1, 34, 5, 6, 64, Window.square(2).stride(2), 2),
        Case.of(1, 2, 3, 4, 7, uneven, 1), Case.of(1, 4, 3, 4, 6, uneven, 2), Case.of(1, 1, 1, 1, 1, Window.square(7).pad(3), 1));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void sizesOfModelsAndOddOnes(Case c) {
    convolution(c, true);
  }

  /// Groups whose outputs fill whole panels, and groups whose do not.
  @Test
  void weightsOfEveryForm() {
    for (var c : List.of(Case.of(1, 8, 6, 5, 32, Window.square(3).pad(1), 2), Case.of(1, 8, 6, 5, 20, Window.square(3).pad(1), 2))) {
      var sums = c.sums();
      var x = c.map(Convolution.Layout.CHANNELS_LAST);
      var bias = Buffers.of(c.bias);
      for (var type : WeightFormat.values())
        for (var layout : Weight.Layout.values()) {
          var rows = c.rows(Convolution.Layout.CHANNELS_LAST);
          var weight = Weights.convert(rows, type, layout);
          // The weights are exact in each type whose numbers have no common scale.
          if (type.blockLength() == 1) check(sums, Activation.NONE, null, true, (kernels, out) ->
              kernels.run(new Operation.Convolve(x, c.geometry(Convolution.Layout.CHANNELS_LAST), weight, bias, Activation.NONE, null, out)));
          MemorySegment exact = empty(sums.value.length), out = empty(sums.value.length);
          one.run(new Operation.Convolve(x, c.geometry(Convolution.Layout.CHANNELS_LAST), Weights.rounded(rows, type), bias,
              Activation.NONE, null, exact));
          one.run(new Operation.Convolve(x, c.geometry(Convolution.Layout.CHANNELS_LAST), weight, bias, Activation.NONE, null, out));
          assertThat(out.mismatch(exact)).as("%s in %s", type, layout).isEqualTo(-1);
        }
    }
  }

  @Test
  void nothingToDo() {
    var window = Window.square(3).pad(2);
    for (var c : List.of(Case.of(0, 3, 5, 6, 7, window, 1), Case.of(2, 3, 5, 6, 0, window, 1), Case.of(1, 0, 4, 3, 5, window, 1),
        Case.of(1, 3, 0, 4, 5, window, 1), Case.of(1, 3, 4, 0, 5, window, 1)))
      convolution(c, true);
  }

  @Test
  void residualInPlaceAndNoBias() {
    var c = Case.of(2, 5, 6, 7, 19, Window.square(3).stride(2).pad(1), 1);
    java.util.Arrays.fill(c.bias, 0);
    var x = c.map(Convolution.Layout.CHANNELS_LAST);
    var weight = c.rows(Convolution.Layout.CHANNELS_LAST);
    check(c.sums(), Activation.NONE, c.residual, true, (kernels, out) -> kernels.run(new Operation.Convolve(x,
        c.geometry(Convolution.Layout.CHANNELS_LAST), weight, null, Activation.NONE, out.copyFrom(Buffers.of(c.residual)), out)));
  }

  private void depthwise(Case c, boolean withReference) {
    var sums = c.sums();
    var x = c.map(Convolution.Layout.CHANNELS_LAST);
    var weight = permuted(c.weight, 1, c.c, c.window.size());
    var bias = Buffers.of(c.bias);
    var g = Convolution.depthwise(c.batch, c.h, c.w, c.c, c.window);
    check(sums, Activation.NONE, null, withReference, (kernels, out) -> kernels.run(new Operation.Depthwise(x, g, weight, bias, Activation.NONE, out)));
    check(sums, Activation.SILU, null, false, (kernels, out) -> kernels.run(new Operation.Depthwise(x, g, weight, bias, Activation.SILU, out)));
  }

  @ParameterizedTest
  @MethodSource("kernelSizes")
  void depthwiseWithEveryStrideAndPadding(int kernel) {
    for (int stride = 1; stride <= 4; stride++)
      for (int pad = 0; pad <= 3; pad++)
        for (int channels : new int[] {3, 16, 37})
          depthwise(Case.of(2, channels, 7 + pad, 8 + stride, channels, Window.square(kernel).stride(stride).pad(pad), channels), stride == 1);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 129})
  void depthwiseAtEveryWidth(int channels) {
    for (int width = 1; width <= 12; width++)
      for (int height : new int[] {1, 2, 5})
        depthwise(Case.of(1, channels, height, width, channels, Window.square(3).pad(1), channels), width % 4 == 0);
    depthwise(Case.of(2, channels, 4, 9, channels, new Window(5, 3, 2, 1, 4, 0), channels), true);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void transposed(int kernel) {
    for (int c : new int[] {0, 1, 17, 40})
      for (int n : new int[] {0, 1, 5, 16, 24, 32})
        for (int batch : new int[] {0, 2}) {
          int h = 3, w = 5;
          var random = new Random(c + 100 * n);
          var x = normal(random, batch * h * w * c);
          var weight = exact(random, c * n * kernel * kernel);
          var bias = normal(random, n);
          var rows = Weight.rows(transposedRows(weight, c, n, kernel), kernel * kernel * n, c);
          for (var layout : Weight.Layout.values()) {
            var stored = Weights.convert(rows, WeightFormat.F32, layout);
            var sums = transposed(x, weight, bias, batch, h, w, c, n, kernel);
            check(sums, Activation.NONE, null, true, (kernels, out) -> kernels.run(new Operation.TransposedConvolution(Buffers.of(x), batch, h, w, kernel,
                stored, Buffers.of(bias), Activation.NONE, out)));
            check(sums, Activation.SILU, null, false, (kernels, out) -> kernels.run(new Operation.TransposedConvolution(Buffers.of(x), batch, h, w, kernel,
                stored, Buffers.of(bias), Activation.SILU, out)));
          }
        }
  }

  /// PyTorch's `conv_transpose2d` with `weight[c][n][dy][dx]` and stride `k`: each input is scattered over its window.
  private static Sums transposed(float[] x, float[] weight, float[] bias, int batch, int h, int w, int channels, int n, int k) {
    var sums = new Sums(batch * h * k * w * k * n, channels + 2);
    for (int i = 0; i < sums.value.length; i++) sums.add(i, bias[i % n]);
    for (int i = 0; i < batch * h * w; i++)
      for (int c = 0; c < channels; c++)
        for (int j = 0; j < n * k * k; j++) {
          int y = i / w * k + j / k % k, col = i % w * k + j % k;
          sums.add((y * w * k + col) * n + j / k / k, (double) x[i * channels + c] * weight[c * n * k * k + j]);
        }
    return sums;
  }

  /// `weight[c][n][dy][dx]` as `[dy][dx][n][c]`.
  private static MemorySegment transposedRows(float[] weight, int channels, int n, int k) {
    var rows = empty(weight.length);
    for (int c = 0; c < channels; c++)
      for (int i = 0; i < n; i++)
        for (int place = 0; place < k * k; place++)
          Buffers.set(rows, ((long) place * n + i) * channels + c, weight[(c * n + i) * k * k + place]);
    return rows;
  }

  @Test
  void inputsStayAndGuardsStay() {
    var c = Case.of(1, 6, 7, 9, 6, Window.square(3).pad(1), 6);
    var x = c.map(Convolution.Layout.CHANNELS_LAST);
    var weight = permuted(c.weight, 1, 6, 9);
    var rows = Weight.rows(new Buffers(3).normal(7 * 54), 7, 54);
    var up = Weight.rows(new Buffers(4).normal(4 * 5 * 6), 20, 6);
    var before = Buffers.copy(x);
    assertThat(Buffers.keepsGuards(63 * 6, out -> three.run(new Operation.Depthwise(x, Convolution.depthwise(1, 7, 9, 6, c.window), weight, null, Activation.NONE, out)))).isTrue();
    assertThat(Buffers.keepsGuards(63 * 7, out -> three.run(new Operation.Convolve(x, Convolution.of(1, 7, 9, 6, c.window), rows, null, Activation.NONE, null, out)))).isTrue();
    assertThat(Buffers.keepsGuards(63 * 4 * 5, out -> three.run(new Operation.TransposedConvolution(x, 1, 7, 9, 2, up, null, Activation.NONE, out)))).isTrue();
    assertThat(floats(x)).isEqualTo(floats(before));
  }
}
