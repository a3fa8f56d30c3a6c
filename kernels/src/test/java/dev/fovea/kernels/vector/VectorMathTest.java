package dev.fovea.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.reference.Erf;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Exponential, activations, softmax and layer norm against double precision, in ulps, over every exponent and sign.
class VectorMathTest {
  private static final int MANTISSAS = 1000;
  /// Floats about these are tested one by one: where a function ends, where its result becomes subnormal, where its
  /// arithmetic changes, and where its error was largest.
  private static final float[] TURNS = {0, 0.5f, 1, 4.011071f, 2.9966f, 10.92f, 12.9f, 13.2f, 14.2f, 14.5f, 50, 61.9f, 64.8f, 64.5f,
      87.33655f, 88.72284f, 92, 103.97208f, 104.5f, 108, 110, 110.3f};
  private static final float[] SPECIAL = {Float.NaN, Float.intBitsToFloat(0x7FFFFFFF), Float.intBitsToFloat(0xFFFFFFFF),
      Float.intBitsToFloat(0xFFC00001), Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0f, -0f, Float.MIN_VALUE,
      -Float.MIN_VALUE, Float.MIN_NORMAL, -Float.MIN_NORMAL, Float.MAX_VALUE, -Float.MAX_VALUE};

  /// Floats of every exponent and either sign, all floats about the turns, and the special ones; whole vectors.
  private static float[] inputs() {
    var random = new Random(7);
    int perTurn = 2 * 1001, n = 0;
    var x = new float[2 * 255 * MANTISSAS + TURNS.length * perTurn + SPECIAL.length + 64];
    for (int sign = 0; sign < 2; sign++)
      for (int exponent = 0; exponent < 255; exponent++)
        for (int i = 0; i < MANTISSAS; i++)
          x[n++] = Float.intBitsToFloat(sign << 31 | exponent << 23 | random.nextInt(1 << 23));
    for (float turn : TURNS)
      for (int d = -500; d <= 500; d++) {
        float near = Float.intBitsToFloat(Math.max(0, Float.floatToRawIntBits(turn) + d));
        x[n++] = near;
        x[n++] = -near;
      }
    for (float special : SPECIAL) x[n++] = special;
    return Arrays.copyOf(x, Math.ceilDiv(n, Simd.LANES) * Simd.LANES);
  }

  private static double formula(Activation activation, double x) {
    return switch (activation) {
      case NONE -> x;
      case GELU -> x * Erf.normal(x);
      case GELU_TANH -> x / (1 + Math.exp(-Math.sqrt(8 / Math.PI) * (x + 0.044715 * x * x * x)));
      case QUICK_GELU -> x / (1 + Math.exp(-1.702 * x));
      case SILU -> x / (1 + Math.exp(-x));
      case RELU -> Math.max(x, 0);
      case TANH -> Math.tanh(x);
      case SIGMOID -> 1 / (1 + Math.exp(-x));
      case LOGIT -> Double.isNaN(x) ? x : Math.log(Math.clamp(x, 1e-5, 1 - 1e-5) / (1 - Math.clamp(x, 1e-5, 1 - 1e-5)));
    };
  }

  /// The distance in units of the last place of a float32 of the expected size.
  private static double ulps(float actual, double expected) {
    float rounded = (float) expected;
    if (Float.isNaN(rounded) || Float.isInfinite(rounded) || Float.isNaN(actual) || Float.isInfinite(actual))
      return Float.compare(actual, rounded) == 0 ? 0 : Double.POSITIVE_INFINITY;
    int exponent = Math.max(Math.getExponent(expected), Float.MIN_EXPONENT);
    return Math.abs(actual - expected) / Math.scalb(1.0, exponent - 23);
  }

  private static void within(double bound, float[] x, float[] actual, DoubleUnaryOperator expected) {
    double worst = 0;
    int at = 0;
    for (int i = 0; i < x.length; i++) {
      double error = ulps(actual[i], expected.applyAsDouble(x[i]));
      if (error > worst) {
        worst = error;
        at = i;
      }
    }
    assertThat(worst).as("ulps at %s: %s", x[at], actual[at]).isLessThanOrEqualTo(bound);
  }

  @ParameterizedTest
  @EnumSource
  void activations(Activation activation) {
    float[] x = inputs(), y = x.clone();
    Elements.activate(activation, y, 0, y.length);
    within(4, x, y, v -> formula(activation, v));
  }

  @Test
  void exp() {
    float[] x = inputs();
    for (int i = 0; i < x.length; i++) x[i] = x[i] > 0 ? -x[i] : x[i];
    var y = Arrays.copyOf(x, x.length + Simd.LANES);
    VectorMath.expOfDifference(y, 0, x.length, 0, x.length);
    within(1, x, y, Math::exp);
  }

  /// Beside maxima where the difference has to be rounded; hidden numbers give nothing at all.
  @ParameterizedTest
  @ValueSource(floats = {0, 0.37f, -3.3f, 41.7f, -999.9f, 12345.67f})
  void weights(float max) {
    var random = new Random(5);
    int n = 64 * Simd.LANES;
    double worst = 0;
    for (int round = 0; round < 400; round++) {
      var x = new float[n + Simd.LANES];
      for (int i = 0; i < n; i++) x[i] = i % 7 == 0 ? Float.NEGATIVE_INFINITY : Math.min(max, max - (float) (120 * Math.pow(random.nextDouble(), 4)));
      var y = x.clone();
      VectorMath.weights(y, 0, n, max, n);
      double sum = 0, expected = 0;
      for (int i = 0; i < n; i++) {
        if (x[i] == Float.NEGATIVE_INFINITY) assertThat(y[i]).isEqualTo(0f);
        worst = Math.max(worst, Math.abs(y[i] - Math.exp((double) x[i] - max)));
        expected += y[i];
      }
      for (int lane = 0; lane < Simd.LANES; lane++) sum += y[n + lane];
      assertThat(sum).isCloseTo(expected, Offset.offset(1e-6 * expected));
    }
    assertThat(worst).isLessThan(0x1p-23);
  }

  /// Whatever bits say that a number is none.
  @Test
  void weightsOfWhatIsNoNumber() {
    for (int bits : new int[] {0x7FC00000, 0x7FC00001, 0x7FFFFFFF, 0xFFC00000, 0xFFC001FF, 0xFFFFFFFF}) {
      var s = new float[2 * Simd.LANES];
      s[Simd.LANES - 1] = Float.intBitsToFloat(bits);
      VectorMath.weights(s, 0, Simd.LANES, 1, Simd.LANES);
      assertThat(s[Simd.LANES - 1]).isNaN();
      assertThat(s[0]).isEqualTo((float) Math.exp(-1));
      assertThat(s[2 * Simd.LANES - 1]).isNaN();
    }
  }

  /// At every position, of one vector, two and three, among numbers of both signs.
  @Test
  void max() {
    var random = new Random(12);
    for (int n : new int[] {Simd.LANES, 2 * Simd.LANES, 3 * Simd.LANES})
      for (float largest : new float[] {Float.NEGATIVE_INFINITY, -Float.MAX_VALUE, -3, -Float.MIN_VALUE, -0f, 0f, Float.MIN_VALUE, 2.5f,
          Float.POSITIVE_INFINITY})
        for (int i = 0; i < n; i++) {
          var s = new float[n + 1];
          for (int j = 0; j < n; j++) s[j + 1] = (float) Math.min(largest, random.nextGaussian());
          s[i + 1] = largest;
          assertThat(VectorMath.max(s, 1, n + 1)).isEqualTo(largest);
        }
  }

  @ParameterizedTest
  @EnumSource(names = {"GELU", "GELU_TANH", "QUICK_GELU", "SILU"})
  void signedZerosAndTinyNumbersKeepTheirSign(Activation activation) {
    var x = new float[Simd.LANES];
    x[0] = -0f;
    x[2] = -Float.MIN_VALUE;
    x[3] = -200;
    Elements.activate(activation, x, 0, x.length);
    assertThat(Arrays.copyOf(x, 4)).isEqualTo(new float[] {-0f, 0f, -0f, -0f});
  }

  /// Softmax of normal, wide, equal and masked rows, each result against the double one.
  @Test
  void softmax() {
    var random = new Random(8);
    for (int n : new int[] {1, 3, 17, 197, 1000, 3072, 20_011})
      for (float scale : new float[] {1e-3f, 1, 20, 1e5f}) {
        var x = new float[n];
        for (int i = 0; i < n; i++) x[i] = (float) random.nextGaussian() * scale;
        softmax(x);
        for (int i = 0; i < n; i += 3) x[i] = Float.NEGATIVE_INFINITY;
        if (n > 1) softmax(x);
        Arrays.fill(x, -1.2345f * scale);
        x[n / 2] = scale;
        softmax(x);
      }
  }

  private static void softmax(float[] x) {
    double max = Double.NEGATIVE_INFINITY, sum = 0;
    for (float v : x) max = Math.max(max, v);
    for (float v : x) sum += Math.exp(v - max);
    double m = max, s = sum;
    var out = MemorySegment.ofArray(new float[x.length]);
    RowNorms.softmax(Arrays.copyOf(x, RowNorms.room(x.length)), x.length, out, 0);
    within(4, x, floats(out), v -> Math.exp(v - m) / s);
  }

  /// Layer norm without gamma and beta, in ulps of the row's largest result, also where the mean is a million deviations.
  @Test
  void layerNorm() {
    var random = new Random(9);
    for (int n : new int[] {2, 17, 197, 768, 3072, 20_011})
      for (float mean : new float[] {0, 1, -300, 1e6f})
        for (boolean two : new boolean[] {false, true}) {
          var x = new float[n];
          for (int i = 0; i < n; i++) x[i] = mean + (two ? 0.3f * (i % 2 * 2 - 1) : (float) random.nextGaussian());
          layerNorm(x);
        }
  }

  private static void layerNorm(float[] x) {
    int n = x.length;
    double mean = 0, squares = 0, largest = 0, worst = 0;
    for (float v : x) mean += v;
    mean /= n;
    for (float v : x) squares += (v - mean) * (v - mean);
    double deviation = Math.sqrt(squares / n + 1e-6f);
    var ones = new float[n];
    Arrays.fill(ones, 1);
    var out = MemorySegment.ofArray(new float[n]);
    RowNorms.layerNorm(MemorySegment.ofArray(x), 0, n, MemorySegment.ofArray(ones), null, 1e-6f, out, new float[RowNorms.ROOM]);
    var s = floats(out);
    for (int i = 0; i < n; i++) {
      double y = (x[i] - mean) / deviation;
      largest = Math.max(largest, Math.abs(y));
      worst = Math.max(worst, Math.abs(s[i] - y));
    }
    assertThat(worst).as("%d numbers like %s", n, x[0]).isLessThanOrEqualTo(4 * Math.ulp((float) largest));
  }

  /// What the interpreter computes first, compiled code computes later: results may not change while a program warms up.
  @Test
  void warmingUpChangesNothing() {
    int n = 1000, room = RowNorms.room(n);
    var random = new Random(10);
    var x = new float[room];
    for (int i = 0; i < x.length; i++) x[i] = (float) random.nextGaussian();
    float[] first = rowsAndActivations(x, n);
    for (int i = 0; i < 3000; i++) assertThat(Arrays.equals(rowsAndActivations(x, n), first)).as("run %d", i).isTrue();
  }

  private static float[] rowsAndActivations(float[] x, int n) {
    var all = new float[4 * n];
    var out = MemorySegment.ofArray(all);
    RowNorms.softmax(x.clone(), n, out, 0);
    var row = MemorySegment.ofArray(x);
    RowNorms.layerNorm(row, 0, n, row, row, 1e-6f, out.asSlice(4L * n), new float[RowNorms.ROOM]);
    var s = x.clone();
    Elements.activate(Activation.GELU, s, 0, n);
    System.arraycopy(s, 0, all, 2 * n, n);
    s = x.clone();
    Elements.activate(Activation.SILU, s, 0, n);
    System.arraycopy(s, 0, all, 3 * n, n);
    return all;
  }

  private static float[] floats(MemorySegment segment) {
    return segment.toArray(ValueLayout.JAVA_FLOAT);
  }
}
