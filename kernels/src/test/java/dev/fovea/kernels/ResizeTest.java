package dev.fovea.kernels;

import static dev.fovea.kernels.Buffers.empty;
import static dev.fovea.kernels.Buffers.floats;
import static dev.fovea.kernels.Buffers.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ResizeTest {
  private static final int[][] SIZES = {{1, 1}, {1, 2}, {2, 1}, {3, 5}, {4, 4}, {5, 3}, {7, 13}, {16, 2}, {23, 30}};

  private Kernels reference;
  private Kernels one;
  private Kernels three;

  @BeforeAll
  void open() {
    reference = KernelProvider.REFERENCE.open(Workers.threads(1));
    one = KernelProvider.VECTOR.open(Workers.threads(1));
    three = KernelProvider.VECTOR.open(Workers.threads(3));
  }

  @AfterAll
  void close() {
    Stream.of(reference, one, three).forEach(Kernels::close);
  }

  /// Where output `i` lies in the source, as PyTorch's `area_pixel_compute_source_index` has it.
  private static double position(Interpolation mode, int i, int in, int out) {
    if (mode == Interpolation.BILINEAR_ALIGNED) return out > 1 ? i * ((in - 1.0) / (out - 1.0)) : 0;
    double position = (double) in / out * (i + 0.5) - 0.5;
    return mode == Interpolation.BILINEAR ? Math.max(0, position) : position;
  }

  /// What a sample at distance `d` gives: the hat, or the cubic kernel.
  private static double hat(Interpolation mode, double d) {
    d = Math.abs(d);
    return switch (mode) {
      case BILINEAR, BILINEAR_ALIGNED -> Math.max(0, 1 - d);
      case BICUBIC -> d <= 1 ? 1.25 * d * d * d - 2.25 * d * d + 1 : d < 2 ? -0.75 * (d * d * d - 5 * d * d + 8 * d - 4) : 0;
      case BICUBIC_ANTIALIASED -> d <= 1 ? 1.5 * d * d * d - 2.5 * d * d + 1 : d < 2 ? -0.5 * (d * d * d - 5 * d * d + 8 * d - 4) : 0;
      case AREA -> throw new IllegalArgumentException("no kernel");
    };
  }

  /// What output `i` takes of every source sample.
  private static double[] weights(Interpolation mode, int i, int in, int out) {
    var weights = new double[in];
    double position = position(mode, i, in, out), wide = Math.max(1, (double) in / out), sum = 0;
    switch (mode) {
      case BILINEAR, BILINEAR_ALIGNED, BICUBIC -> {   // The border repeats.
        for (int at = (int) position - 3; at <= position + 3; at++) weights[Math.clamp(at, 0, in - 1)] += hat(mode, at - position);
      }
      case BICUBIC_ANTIALIASED -> {                   // What lies outside counts for nothing.
        for (int at = 0; at < in; at++) sum += weights[at] = hat(mode, (at - position) / wide);
        for (int at = 0; at < in; at++) weights[at] /= sum;
      }
      case AREA -> {                                  // As PyTorch's adaptive average pooling.
        int begin = (int) Math.floor((double) i * in / out), end = (int) Math.ceil((i + 1.0) * in / out);
        for (int at = begin; at < end; at++) weights[at] = 1.0 / (end - begin);
      }
    }
    return weights;
  }

  /// The interpolation as a sum over all samples.
  private static double[] expected(Interpolation mode, MemorySegment x, int batch, int h, int w, int c, int outH, int outW) {
    var out = new double[batch * outH * outW * c];
    for (int b = 0; b < batch; b++)
      for (int row = 0; row < outH; row++)
        for (int col = 0; col < outW; col++) {
          var down = weights(mode, row, h, outH);
          var across = weights(mode, col, w, outW);
          for (int y = 0; y < h; y++)
            for (int at = 0; at < w; at++) {
              double weight = down[y] * across[at];
              if (weight == 0) continue;
              long from = ((long) (b * h + y) * w + at) * c;
              for (int i = 0; i < c; i++) out[((b * outH + row) * outW + col) * c + i] += weight * get(x, from + i);
            }
        }
    return out;
  }

  private static void close(MemorySegment actual, double[] expected) {
    for (int i = 0; i < expected.length; i++) {
      // Samples are below 5, coefficients below 2.
      if (!(Math.abs(get(actual, i) - expected[i]) <= 32 * 0x1p-24 * 5))
        throw new AssertionError("element " + i + ": expected " + expected[i] + ", got " + get(actual, i));
    }
  }

  @ParameterizedTest
  @EnumSource
  void betweenAllSizes(Interpolation mode) {
    for (int channels : new int[] {0, 1, 2, 5, 16, 33, 70})
      for (int[] from : SIZES)
        for (int[] to : SIZES) {
          int batch = from[0] == 3 ? 2 : 1;
          var x = new Buffers(channels).normal((long) batch * from[0] * from[1] * channels);
          var expected = expected(mode, x, batch, from[0], from[1], channels, to[0], to[1]);
          var first = empty(expected.length);
          one.run(new Operation.Resize(x, batch, from[0], from[1], channels, first, to[0], to[1], mode));
          close(first, expected);
          var out = empty(expected.length);
          three.run(new Operation.Resize(x, batch, from[0], from[1], channels, out, to[0], to[1], mode));
          assertThat(out.mismatch(first)).isEqualTo(-1);
          if (channels > 5) continue;
          reference.run(new Operation.Resize(x, batch, from[0], from[1], channels, out, to[0], to[1], mode));
          close(out, expected);
        }
  }

  /// A map that is split among threads, which the small ones above are not.
  @ParameterizedTest
  @EnumSource
  void severalTasks(Interpolation mode) {
    var x = new Buffers(7).normal(2L * 11 * 9 * 24);
    var expected = expected(mode, x, 2, 11, 9, 24, 45, 37);
    for (var kernels : new Kernels[] {one, three}) {
      var out = empty(expected.length);
      kernels.run(new Operation.Resize(x, 2, 11, 9, 24, out, 45, 37, mode));
      close(out, expected);
    }
  }

  @ParameterizedTest
  @EnumSource
  void sameSizeIsACopy(Interpolation mode) {
    var x = new Buffers(8).normal(6 * 7 * 20);
    for (var kernels : new Kernels[] {reference, one}) {
      var out = empty(6 * 7 * 20);
      kernels.run(new Operation.Resize(x, 1, 6, 7, 20, out, 6, 7, mode));
      assertThat(floats(out)).isEqualTo(floats(x));
    }
  }

  /// PyTorch 2's `interpolate` of `[[0, 1, 4, 9]]`, worked by hand from its formula.
  @Test
  void knownValues() {
    for (var kernels : new Kernels[] {reference, one}) {
      // Taps at distance 1.5, 0.5, 0.5, 1.5 weigh -0.09375, 0.59375, 0.59375, -0.09375.
      check(kernels, Interpolation.BICUBIC, 0.59375f - 4 * 0.09375f, -0.09375f + 4 * 0.59375f + 9 * 0.59375f - 9 * 0.09375f);
      // Twice as wide: taps at distance 0.25, 0.25, 0.75, 1.25 weigh 0.8671875, 0.8671875, 0.2265625, -0.0703125, in all 1.890625.
      check(kernels, Interpolation.BICUBIC_ANTIALIASED, (0.8671875f + 4 * 0.2265625f - 9 * 0.0703125f) / 1.890625f,
          (0.2265625f + 4 * 0.8671875f + 9 * 0.8671875f) / 1.890625f);
      check(kernels, Interpolation.AREA, 3.5f);
      check(kernels, Interpolation.AREA, 0.5f, 2.5f, 6.5f);
      check(kernels, Interpolation.BILINEAR, 0.5f, 6.5f);
      check(kernels, Interpolation.BILINEAR, 0, 0.25f, 0.75f, 1.75f, 3.25f, 5.25f, 7.75f, 9);
      check(kernels, Interpolation.BILINEAR_ALIGNED, 0, 9);
      check(kernels, Interpolation.BILINEAR_ALIGNED, 0);
      check(kernels, Interpolation.BILINEAR_ALIGNED, 0, 0.5f, 1, 2.5f, 4, 6.5f, 9);
    }
  }

  private static void check(Kernels kernels, Interpolation mode, float... expected) {
    var out = empty(expected.length);
    kernels.run(new Operation.Resize(Buffers.of(0, 1, 4, 9), 1, 1, 4, 1, out, 1, expected.length, mode));
    assertThat(floats(out)).containsExactly(expected, within(1e-6f));
  }

  /// The first of the largest of what [Kernels#resize] writes.
  private static float[] argmax(MemorySegment resized, int channels) {
    var values = floats(resized);
    var best = new float[values.length / channels];
    for (int i = 0; i < values.length; i++)
      if (values[i] > values[i / channels * channels + (int) best[i / channels]]) best[i / channels] = i % channels;
    return best;
  }

  @ParameterizedTest
  @EnumSource
  void largestChannel(Interpolation mode) {
    for (int channels : new int[] {1, 2, 5, 15, 16, 17, 33, 70})
      for (int[] from : SIZES)
        for (int[] to : SIZES) {
          var x = new Buffers(channels).normal(2L * from[0] * from[1] * channels);
          for (var kernels : new Kernels[] {reference, one, three}) {
            if (kernels == reference && channels > 5) continue;
            var resized = empty(2L * to[0] * to[1] * channels);
            kernels.run(new Operation.Resize(x, 2, from[0], from[1], channels, resized, to[0], to[1], mode));
            var out = empty(2L * to[0] * to[1]);
            kernels.run(new Operation.ResizeArgmax(x, 2, from[0], from[1], channels, out, to[0], to[1], mode));
            assertThat(floats(out)).isEqualTo(argmax(resized, channels));
          }
        }
  }

  @Test
  void theFirstOfTheLargestAndNoNaN() {
    float nan = Float.NaN, none = Float.NEGATIVE_INFINITY;
    for (int channels : new int[] {4, 40})
      for (var kernels : new Kernels[] {reference, one}) {
        var rows = new float[][] {{1, 3, 3, 2}, {nan, 5, nan, 6}, {nan, nan, nan, nan}, {none, none, none, none}, {-4, -3, -2, -1}};
        var x = empty((long) rows.length * channels);
        for (int r = 0; r < rows.length; r++)
          for (int c = 0; c < channels; c++) Buffers.set(x, (long) r * channels + c, c < 4 ? rows[r][c] : none);
        var out = empty(rows.length);
        // Of one sample each, so that nothing is blended with its neighbour.
        kernels.run(new Operation.ResizeArgmax(x, rows.length, 1, 1, channels, out, 1, 1, Interpolation.AREA));
        assertThat(floats(out)).containsExactly(1, 3, 0, 0, 3);
      }
  }

  @Test
  void guardsStay() {
    var x = new Buffers(9).normal(3 * 4 * 21);
    assertThat(Buffers.keepsGuards(5 * 7 * 21, out -> three.run(new Operation.Resize(x, 1, 3, 4, 21, out, 5, 7, Interpolation.BILINEAR)))).isTrue();
    assertThat(Buffers.keepsGuards(5 * 7 * 3, out -> three.run(new Operation.Resize(x.asSlice(0, 4 * 36), 1, 3, 4, 3, out, 5, 7, Interpolation.BICUBIC)))).isTrue();
    assertThat(Buffers.keepsGuards(5 * 7, out -> three.run(new Operation.ResizeArgmax(x, 1, 3, 4, 21, out, 5, 7, Interpolation.BILINEAR)))).isTrue();
    assertThat(Buffers.keepsGuards(2 * 21, out -> three.run(new Operation.Resize(x, 1, 3, 4, 21, out, 1, 2, Interpolation.BICUBIC_ANTIALIASED)))).isTrue();
  }
}
