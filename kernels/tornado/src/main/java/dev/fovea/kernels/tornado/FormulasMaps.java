package dev.fovea.kernels.tornado;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Feature maps: convolutions, resampling and sampling, as formulas; see [Formulas].
final class FormulasMaps {
  private FormulasMaps() {}

  /// `out = activation(x ∗ weight + bias) + residual`. The strides of the map are those of an item, a row, a sample and a channel;
  /// those of the weight's columns are of a channel, a row and a sample of the window.
  ///
  /// `p`: 0 `B · rows · cols · N` · 1 x · 2 weight · 3 bias · 4 residual · 5 out · 6 rows · 7 cols · 8 N · 9 K ·
  /// 10 channels of a group · 11 outputs of a group · 12 height · 13 width · 14 window height · 15 window width · 16 strideY ·
  /// 17 strideX · 18 padY · 19 padX · 20 activation · 21 to 24 strides of the map · 25 to 27 strides of a weight's columns
  static void convolve(FloatArray x, FloatArray weight, FloatArray bias, FloatArray residual, FloatArray out, IntArray p) {
    int count = p.get(0), rows = p.get(6), cols = p.get(7), n = p.get(8), depth = p.get(10);
    for (@Parallel int i = 0; i < count; i++) {
      int output = i % n, window = i / n;
      int col = window % cols, row = window / cols % rows, item = window / cols / rows;
      int weights = p.get(2) + output * p.get(9), channel = output / p.get(11) * depth;
      int fromY = row * p.get(16) - p.get(18), fromX = col * p.get(17) - p.get(19);
      float sum = 0;
      for (int dy = 0; dy < p.get(14); dy++)
        for (int dx = 0; dx < p.get(15); dx++)
          for (int c = 0; c < depth; c++)
            sum += sample(x, p, item, fromY + dy, fromX + dx, channel + c)
                * weight.get(weights + c * p.get(25) + dy * p.get(26) + dx * p.get(27));
      if (p.get(3) >= 0) sum += bias.get(p.get(3) + output);
      float y = Activations.apply(p.get(20), sum);
      if (p.get(4) >= 0) y += residual.get(p.get(4) + i);
      out.set(p.get(5) + i, y);
    }
  }

  /// The same with a weight of 8 bits: `bytes` `[N, K32]` and `scales` `[N, K32 / 32]`, where `K32` is `K` rounded up to 32.
  ///
  /// `p`: as for [#convolve]
  static void convolveQ8(FloatArray x, ByteArray bytes, FloatArray scales, FloatArray bias, FloatArray residual, FloatArray out,
      IntArray p) {
    int count = p.get(0), rows = p.get(6), cols = p.get(7), n = p.get(8), depth = p.get(10), blocks = (p.get(9) + 31) / 32;
    for (@Parallel int i = 0; i < count; i++) {
      int output = i % n, window = i / n;
      int col = window % cols, row = window / cols % rows, item = window / cols / rows;
      int block = output * blocks, channel = output / p.get(11) * depth;
      int fromY = row * p.get(16) - p.get(18), fromX = col * p.get(17) - p.get(19);
      float sum = 0;
      for (int dy = 0; dy < p.get(14); dy++)
        for (int dx = 0; dx < p.get(15); dx++)
          for (int c = 0; c < depth; c++) {
            int column = c * p.get(25) + dy * p.get(26) + dx * p.get(27);
            sum += sample(x, p, item, fromY + dy, fromX + dx, channel + c)
                * (bytes.get(block * 32 + column) * scales.get(block + column / 32));
          }
      if (p.get(3) >= 0) sum += bias.get(p.get(3) + output);
      float y = Activations.apply(p.get(20), sum);
      if (p.get(4) >= 0) y += residual.get(p.get(4) + i);
      out.set(p.get(5) + i, y);
    }
  }

  /// A sample of the map, zero outside.
  private static float sample(FloatArray x, IntArray p, int item, int row, int col, int channel) {
    float value = 0;
    if (row >= 0 && row < p.get(12) && col >= 0 && col < p.get(13))
      value = x.get(p.get(1) + item * p.get(21) + row * p.get(22) + col * p.get(23) + channel * p.get(24));
    return value;
  }

  /// `out[…, c] = activation(Σ x[…, c] · taps[…, c] + bias[c])`.
  ///
  /// `p`: 0 `B · rows · cols · C` · 1 x · 2 taps · 3 bias · 4 out · 5 rows · 6 cols · 7 C · 8 height · 9 width · 10 window height ·
  /// 11 window width · 12 strideY · 13 strideX · 14 padY · 15 padX · 16 activation
  static void depthwise(FloatArray x, FloatArray taps, FloatArray bias, FloatArray out, IntArray p) {
    int count = p.get(0), rows = p.get(5), cols = p.get(6), channels = p.get(7), height = p.get(8), width = p.get(9);
    for (@Parallel int i = 0; i < count; i++) {
      int channel = i % channels, window = i / channels;
      int col = window % cols, row = window / cols % rows, item = window / cols / rows;
      int fromY = row * p.get(12) - p.get(14), fromX = col * p.get(13) - p.get(15);
      float sum = 0;
      for (int dy = 0; dy < p.get(10); dy++)
        for (int dx = 0; dx < p.get(11); dx++) {
          int y = fromY + dy, from = fromX + dx;
          float value = 0;
          if (y >= 0 && y < height && from >= 0 && from < width)
            value = x.get(p.get(1) + ((item * height + y) * width + from) * channels + channel);
          sum += value * taps.get(p.get(2) + (dy * p.get(11) + dx) * channels + channel);
        }
      if (p.get(3) >= 0) sum += bias.get(p.get(3) + channel);
      out.set(p.get(4) + i, Activations.apply(p.get(16), sum));
    }
  }

  /// `out[b, y · kernel + dy, x · kernel + dx, n] = activation(x[b, y, x] · weight[dy, dx, n] + bias[n])`.
  ///
  /// `p`: 0 `B · kernel · H · kernel · W · N` · 1 x · 2 weight · 3 bias · 4 out · 5 W · 6 kernel · 7 N · 8 C · 9 activation ·
  /// 10 `B · H`
  static void transposedConvolution(FloatArray x, FloatArray weight, FloatArray bias, FloatArray out, IntArray p) {
    int count = p.get(0), width = p.get(5), kernel = p.get(6), n = p.get(7), k = p.get(8);
    for (@Parallel int i = 0; i < count; i++) {
      int output = i % n, toX = i / n % (width * kernel), toY = i / n / (width * kernel);
      int from = p.get(1) + (toY / kernel * width + toX / kernel) * k;
      int weights = p.get(2) + ((toY % kernel * kernel + toX % kernel) * n + output) * k;
      float sum = 0;
      for (int c = 0; c < k; c++) sum += x.get(from + c) * weight.get(weights + c);
      if (p.get(3) >= 0) sum += bias.get(p.get(3) + output);
      out.set(p.get(4) + i, Activations.apply(p.get(9), sum));
    }
  }

  /// The same with a weight of 8 bits: `bytes` `[kernel · kernel · N, C32]` and `scales` `[kernel · kernel · N, C32 / 32]`, where
  /// `C32` is `C` rounded up to 32.
  ///
  /// `p`: as for [#transposedConvolution]
  static void transposedConvolutionQ8(FloatArray x, ByteArray bytes, FloatArray scales, FloatArray bias, FloatArray out,
      IntArray p) {
    int count = p.get(0), width = p.get(5), kernel = p.get(6), n = p.get(7), k = p.get(8), blocks = (k + 31) / 32;
    for (@Parallel int i = 0; i < count; i++) {
      int output = i % n, toX = i / n % (width * kernel), toY = i / n / (width * kernel);
      int from = p.get(1) + (toY / kernel * width + toX / kernel) * k;
      int block = ((toY % kernel * kernel + toX % kernel) * n + output) * blocks;
      float sum = 0;
      for (int c = 0; c < k; c++) sum += x.get(from + c) * (bytes.get(block * 32 + c) * scales.get(block + c / 32));
      if (p.get(3) >= 0) sum += bias.get(p.get(3) + output);
      out.set(p.get(4) + i, Activations.apply(p.get(9), sum));
    }
  }

  /// Resamples a map: `coefficients` holds `[outHeight, tapsY]` and then `[outWidth, tapsX]`.
  ///
  /// `p`: 0 `B · outHeight · outWidth · C` · 1 x · 2 out · 3 height · 4 width · 5 C · 6 outHeight · 7 outWidth · 8 tapsY ·
  /// 9 tapsX · then, from 10 on, the first sample of each row and, from `10 + outHeight` on, of each column of the result, which
  /// may be outside the map, where its border repeats
  static void resize(FloatArray x, FloatArray coefficients, FloatArray out, IntArray p) {
    int count = p.get(0), channels = p.get(5), outHeight = p.get(6), outWidth = p.get(7);
    for (@Parallel int i = 0; i < count; i++) {
      int channel = i % channels, pixel = i / channels;
      int col = pixel % outWidth, row = pixel / outWidth % outHeight, item = pixel / outWidth / outHeight;
      out.set(p.get(2) + i, resampled(x, coefficients, p, item, row, col, channel));
    }
  }

  /// The first of the channels that are largest after [#resize].
  ///
  /// `p`: as for [#resize], but 0 is `B · outHeight · outWidth`
  static void resizeArgmax(FloatArray x, FloatArray coefficients, FloatArray out, IntArray p) {
    int count = p.get(0), channels = p.get(5), outHeight = p.get(6), outWidth = p.get(7);
    for (@Parallel int i = 0; i < count; i++) {
      int col = i % outWidth, row = i / outWidth % outHeight, item = i / outWidth / outHeight;
      int best = 0;
      float largest = Float.NEGATIVE_INFINITY;
      for (int channel = 0; channel < channels; channel++) {
        float value = resampled(x, coefficients, p, item, row, col, channel);
        if (value > largest) {
          largest = value;
          best = channel;
        }
      }
      out.set(p.get(2) + i, best);
    }
  }

  private static float resampled(FloatArray x, FloatArray coefficients, IntArray p, int item, int row, int col, int channel) {
    int height = p.get(3), width = p.get(4), channels = p.get(5), outHeight = p.get(6), tapsY = p.get(8), tapsX = p.get(9);
    float sum = 0;
    for (int i = 0; i < tapsY; i++) {
      int y = clamped(p.get(10 + row) + i, height);
      float line = 0;
      for (int j = 0; j < tapsX; j++) {
        int from = clamped(p.get(10 + outHeight + col) + j, width);
        line += coefficients.get(outHeight * tapsY + col * tapsX + j)
            * x.get(p.get(1) + ((item * height + y) * width + from) * channels + channel);
      }
      sum += coefficients.get(row * tapsY + i) * line;
    }
    return sum;
  }

  /// The nearest index of a map of this size.
  static int clamped(int index, int size) {
    return index < 0 ? 0 : index >= size ? size - 1 : index;
  }

  /// `out = (x, y) + offset / (width, height)`, or `out = (x, y) + offset / points · (w, h) / 2` if the reference is a box.
  ///
  /// `p`: 0 `batch · queries · heads · L · points · 2` · 1 reference · 2 offsets · 3 out · 4 heads · 5 L · 6 points ·
  /// 7 coordinates · then, from 8 on, height and width of each level
  static void samplingPoints(FloatArray reference, FloatArray offsets, FloatArray out, IntArray p) {
    int count = p.get(0), heads = p.get(4), levels = p.get(5), points = p.get(6), coordinates = p.get(7);
    for (@Parallel int i = 0; i < count; i++) {
      int d = i % 2, level = i / 2 / points % levels, query = i / 2 / points / levels / heads;
      int at = p.get(1) + (query * levels + level) * coordinates + d;
      float step = 1f / p.get(8 + 2 * level + 1 - d);
      if (coordinates == 4) step = 0.5f * reference.get(at + 2) / points;
      out.set(p.get(3) + i, reference.get(at) + offsets.get(p.get(2) + i) * step);
    }
  }

  /// `out[b, q, h] = Σ weights · bilinear(map, point)` over the points of all levels.
  ///
  /// `p`: 0 `batch · queries · heads · depth` · 1 values · 2 points · 3 weights · 4 out · 5 queries · 6 heads · 7 depth ·
  /// 8 points of a level · 9 cells of all levels · 10 L · then, from 11 on, height and width of each level
  static void deformableAttention(FloatArray values, FloatArray points, FloatArray weights, FloatArray out, IntArray p) {
    int count = p.get(0), queries = p.get(5), heads = p.get(6), depth = p.get(7), perLevel = p.get(8), levels = p.get(10);
    for (@Parallel int i = 0; i < count; i++) {
      int d = i % depth, head = i / depth % heads, query = i / depth / heads;
      int map = query / queries * p.get(9), samples = (query * heads + head) * levels * perLevel;
      float sum = 0;
      for (int level = 0; level < levels; level++) {
        int height = p.get(11 + 2 * level), width = p.get(12 + 2 * level);
        for (int point = 0; point < perLevel; point++) {
          int sample = samples + level * perLevel + point;
          float x = points.get(p.get(2) + 2 * sample) * width - 0.5f, y = points.get(p.get(2) + 2 * sample + 1) * height - 0.5f;
          float weight = weights.get(p.get(3) + sample);
          // Zero, but NaN if the weight is not finite or a coordinate is NaN.
          float poison = weight * 0 + unlessInfinite(x) + unlessInfinite(y);
          sum += weight * bilinear(values, p, map, height, width, x, y, head * depth + d) + poison;
        }
        map += height * width;
      }
      out.set(p.get(4) + i, sum);
    }
  }

  /// Zero, but NaN for NaN.
  static float unlessInfinite(float x) {
    return x > 1 || x < -1 ? 0 : x * 0;
  }

  /// A channel of the map that begins at cell `map`, between cells; cells outside count as zero.
  private static float bilinear(FloatArray values, IntArray p, int map, int height, int width, float x, float y, int channel) {
    float top = TornadoMath.floor(y), left = TornadoMath.floor(x), sum = 0;
    for (int corner = 0; corner < 4; corner++) {
      float row = top + corner / 2, col = left + corner % 2;
      if (row >= 0 && row < height && col >= 0 && col < width) {
        float share = (1 - TornadoMath.abs(y - row)) * (1 - TornadoMath.abs(x - col));
        sum += share * values.get(p.get(1) + (map + (int) row * width + (int) col) * p.get(6) * p.get(7) + channel);
      }
    }
    return sum;
  }
}
