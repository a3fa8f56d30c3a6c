package dev.fovea.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class WeightFormatTest {
  /// Sizes about a panel's rows and a block's length, and more steps than a product takes at once.
  private static final int[][] SIZES = {{1, 1}, {15, 7}, {16, 32}, {17, 33}, {33, 64}, {3, 1100}, {40, 512}, {0, 5}, {5, 0}};
  /// Signs, ties between neighbours of the 16-bit formats, their smallest and largest numbers, and what is beyond.
  private static final float[] SPECIAL = {0f, -0f, 1f, -1f, 1 + 0x1p-11f, 1 + 0x3p-11f, 1 + 0x1p-8f, 1 + 0x3p-8f, 0x1p-24f,
      0x1p-25f, 0x1.8p-25f, 0x1p-14f, 65504f, 65519f, 65520f, -1e30f, Float.MIN_VALUE, Float.MAX_VALUE, Float.NEGATIVE_INFINITY,
      Float.POSITIVE_INFINITY, Float.NaN};

  static Stream<Arguments> forms() {
    return Arrays.stream(WeightFormat.values()).flatMap(format -> Arrays.stream(Weight.Layout.values()).flatMap(layout ->
        Arrays.stream(SIZES).map(size -> Arguments.of(format, layout, size[0], size[1]))));
  }

  private static Weight rows(int n, int k) {
    return Weight.rows(new Buffers(4).normal((long) n * k), n, k);
  }

  private static Weight empty(WeightFormat format, Weight.Layout layout, int n, int k) {
    return new Weight(Arena.ofAuto().allocate(Weight.bytes(format, layout, n, k), 64), format, layout, n, k);
  }

  @ParameterizedTest
  @MethodSource("forms")
  void everyNumberIsTheNearest(WeightFormat format, Weight.Layout layout, int n, int k) {
    var rows = rows(n, k);
    for (int i = 0; i < Math.min(SPECIAL.length, n * k); i++) rows.segment().setAtIndex(JAVA_FLOAT, i, SPECIAL[i]);
    var stored = Weights.convert(rows, format, layout);
    for (int row = 0; row < n; row++)
      for (int column = 0; column < k; column++)
        assertThat(Float.floatToIntBits(stored.get(row, column))).as("(%d, %d) of %s", row, column, rows.get(row, column))
            .isEqualTo(Float.floatToIntBits(nearest(format, rows, row, column)));
  }

  /// Of the numbers that have at most so many bits, found without the conversions of Java and of the format.
  private static float nearest(WeightFormat format, Weight rows, int row, int column) {
    float value = rows.get(row, column);
    return switch (format) {
      case F32 -> value;
      case F16 -> Math.abs(value) >= 65520 ? Math.copySign(Float.POSITIVE_INFINITY, value) : rounded(value, 10, -14);
      case BF16 -> rounded(value, 7, Float.MIN_EXPONENT);
      case Q8 -> {
        double largest = 0;
        for (int i = column / 32 * 32; i < Math.min(rows.k(), column / 32 * 32 + 32); i++)
          largest = Math.max(largest, Math.abs(rows.get(row, i)));
        // The sign of a zero is lost.
        yield largest == 0 ? 0f : largest > 127 * 65504 || Double.isNaN(largest) ? Float.NaN
            : 0f + (float) (Math.rint(value / scale(largest)) * scale(largest));
      }
    };
  }

  /// The smallest number with at most 11 bits, of which the last is worth 2⁻²⁴ or more, that is at least a 127th of `largest`.
  private static double scale(double largest) {
    double unit = Math.scalb(1.0, Math.max(Math.getExponent(largest / 127), -14) - 10);
    double scale = Math.floor(largest / 127 / unit) * unit;
    while (127 * scale < largest) scale += unit;
    return scale;
  }

  private static float rounded(float value, int mantissaBits, int leastExponent) {
    if (value == 0 || !Float.isFinite(value)) return value;
    double unit = Math.scalb(1.0, Math.max(Math.getExponent(value), leastExponent) - mantissaBits);
    return (float) Math.copySign(Math.rint(value / unit) * unit, value);
  }

  @ParameterizedTest
  @MethodSource("forms")
  void storedAgainItIsTheSameBytes(WeightFormat format, Weight.Layout layout, int n, int k) {
    var stored = Weights.convert(rows(n, k), format, layout);
    for (var other : Weight.Layout.values()) {
      var there = empty(format, other, n, k);
      stored.copyTo(there);
      var back = empty(format, layout, n, k);
      there.copyTo(back);
      assertThat(back.segment().mismatch(stored.segment())).as(other.name()).isEqualTo(-1);
    }
  }

  /// Blocks whose largest magnitudes run over all of float32's range: within half a step of the scale, which is at most a 1024th,
  /// or the last bit of float16's smallest numbers, larger than it must be.
  @ParameterizedTest
  @EnumSource
  void q8IsWithinHalfAStep(Weight.Layout layout) {
    int n = 17, k = 100;
    for (int exponent = -149; exponent <= 21; exponent++) {
      var rows = rows(n, k);
      for (int i = 0; i < n * k; i++)
        rows.segment().setAtIndex(JAVA_FLOAT, i, Math.scalb(Math.clamp(rows.segment().getAtIndex(JAVA_FLOAT, i), -2f, 2f), exponent));
      var stored = Weights.convert(rows, WeightFormat.Q8, layout);
      for (int row = 0; row < n; row++)
        for (int column = 0; column < k; column++) {
          double largest = 0;
          for (int i = column / 32 * 32; i < Math.min(k, column / 32 * 32 + 32); i++)
            largest = Math.max(largest, Math.abs(rows.get(row, i)));
          double step = Math.max(largest / 127 * (1 + 0x1p-10), largest / 127 + 0x1p-24);
          assertThat(Math.abs((double) stored.get(row, column) - rows.get(row, column))).isLessThanOrEqualTo(step / 2);
        }
    }
  }

  /// The bytes of a group of two rows: their scales, then the integers step by step.
  @Test
  void bytesOfQ8() {
    float[] steps = new float[2 * 32];
    steps[0] = 127;
    steps[1] = -254;
    steps[2] = 1.5f;
    steps[3] = 1;
    steps[5] = -3;
    steps[63] = 4;
    var bytes = MemorySegment.ofArray(new byte[2 * 34]);
    WeightFormat.Q8.encode(steps, 0, 2, 32, bytes, 0);
    var expected = new byte[2 * 34];
    expected[1] = 0x3c;   // 1 and 2 as float16
    expected[3] = 0x40;
    expected[4] = 127;
    expected[5] = -127;
    expected[6] = 2;      // 1.5 steps: to the even neighbour
    expected[7] = 0;      // 0.5 steps
    expected[9] = -2;     // -1.5 steps
    expected[67] = 2;
    assertThat(bytes.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE)).isEqualTo(expected);
  }

  @ParameterizedTest
  @MethodSource("forms")
  void decodedAsNumberByNumber(WeightFormat format, Weight.Layout layout, int n, int k) {
    var stored = Weights.convert(rows(n, k), format, layout);
    int across = layout.across(), half = k / 2 / format.blockLength() * format.blockLength();
    for (int row = 0; row < n; row += across)
      for (int from : new int[] {0, half}) {
        var values = new float[3 + across * (k - from)];
        if (from < k) format.decode(stored.segment(), stored.offset(row, from), across, k - from, values, 3);
        for (int r = 0; r < across; r++)
          for (int column = from; column < k; column++)
            assertThat(values[3 + (column - from) * across + r]).isEqualTo(row + r < n ? stored.get(row + r, column) : 0);
      }
  }

  @ParameterizedTest
  @MethodSource("forms")
  void blocksFillTheMemory(WeightFormat format, Weight.Layout layout, int n, int k) {
    var weight = empty(format, layout, n, k);
    var places = new HashSet<Long>();
    for (int row = 0; row < n; row += layout.across())
      for (int column = 0; column < k; column++) {
        places.add(weight.offset(row, column));
        assertThat(weight.offset(Math.min(n, row + layout.across()) - 1, column)).isEqualTo(weight.offset(row, column));
      }
    long group = (long) format.blockBytes() * layout.across();
    assertThat(places).allMatch(place -> place % group == 0 && place >= 0 && place < weight.segment().byteSize());
    assertThat(places.size() * group).isEqualTo(weight.segment().byteSize());
  }

  /// A product with a weight in any format has the bits of one with float32 that was rounded the same way.
  @ParameterizedTest
  @MethodSource("forms")
  void productsHaveTheBitsOfRoundedFloats(WeightFormat format, Weight.Layout layout, int n, int k) {
    var stored = Weights.convert(rows(n, k), format, layout);
    var floats = Weights.convert(stored, WeightFormat.F32, layout);
    for (var provider : KernelProvider.values())
      try (var kernels = provider.open(Workers.threads(2))) {
        for (int m : new int[] {1, 4, 14, 61}) {
          var x = new Buffers(5).normal((long) m * k);
          assertThat(product(kernels, x, stored, m)).as(provider + ", rows: " + m).isEqualTo(product(kernels, x, floats, m));
        }
      }
  }

  private static float[] product(Kernels kernels, MemorySegment x, Weight weight, int m) {
    var out = Buffers.empty((long) m * weight.n());
    kernels.run(new Operation.Linear(x, weight, null, Activation.NONE, null, out, m));
    return out.toArray(JAVA_FLOAT);
  }

  @ParameterizedTest
  @EnumSource
  void blocksMeetThePiecesOfProducts(WeightFormat format) {
    assertThat(Integer.bitCount(format.blockLength())).isEqualTo(1);
    assertThat(format.blockLength()).isLessThanOrEqualTo(512);
    assertThat(format.blocks(format.blockLength() + 1)).isEqualTo(2);
    assertThat(format.bytes(3, 2 * format.blockLength())).isEqualTo(6L * format.blockBytes());
    assertThatThrownBy(() -> format.bytes(1L << 61, 1 << 20)).isInstanceOf(ArithmeticException.class);
  }

  @Test
  void anotherSizeIsRefused() {
    assertThatThrownBy(() -> rows(2, 3).copyTo(rows(3, 2))).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("weight: expected [2, 3], got [3, 2]");
  }
}
