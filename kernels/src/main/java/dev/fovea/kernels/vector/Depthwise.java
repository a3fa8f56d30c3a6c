package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Convolution;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import org.jetbrains.annotations.Nullable;

/// Convolutions of each channel by itself: vectors across the channels, so that nothing is gathered.
///
/// Four neighbouring outputs of a window three samples wide need six samples a row and three weights, each of which is
/// loaded once. Windows over the border and others are summed one by one, over the samples that exist.
///
/// Positions count floats.
final class Depthwise {
  /// Outputs that are summed together, and the width of their windows.
  private static final int TOGETHER = 4, WIDTH = 3;

  private Depthwise() {}

  /// One row of outputs.
  static void row(MemorySegment x, Convolution g, MemorySegment weight, @Nullable MemorySegment bias, Activation activation,
      MemorySegment out, int batch, int row) {
    int cols = g.cols(), channels = g.channels();
    int pad = g.window().padX();
    boolean narrow = g.window().width() == WIDTH && g.window().strideX() == 1;
    // Windows of the columns [from, to) lie inside the map, except perhaps above and below.
    int from = Math.min(pad, cols), to = narrow ? Math.max(from, g.width() + pad - WIDTH + 1) : from;
    long at = ((long) batch * g.rows() + row) * cols * channels;
    for (int col = 0, count; col < cols; col += count, at += (long) count * channels) {
      boolean together = col >= from && col + TOGETHER <= to;
      count = together ? TOGETHER : 1;
      if (together) four(x, g, weight, bias, out, batch, row, col, at);
      else one(x, g, weight, bias, out, batch, row, col, at, 0);
      if (activation != Activation.NONE) Elements.activate(activation, out, out, at, at + (long) count * channels);
    }
  }

  /// The outputs `col … col + 3`.
  private static void four(MemorySegment x, Convolution g, MemorySegment weight, @Nullable MemorySegment bias, MemorySegment out,
      int batch, int row, int col, long to) {
    int top = row * g.window().strideY() - g.window().padY(), channels = g.channels();
    int begin = Math.clamp(-top, 0, g.window().height()), end = Math.clamp(g.height() - top, begin, g.window().height());
    long x0 = 4 * g.index(batch, top + begin, col - g.window().padX(), 0), line = 4L * g.width() * channels;
    long w0 = 4L * begin * WIDTH * channels, next = 4L * channels;
    int c = 0;
    for (; c + LANES <= channels; c += LANES) {
      FloatVector a = bias == null ? FloatVector.zero(F) : FloatVector.fromMemorySegment(F, bias, 4L * c, ORDER), b = a, d = a, e = a;
      long p = x0 + 4L * c, q = w0 + 4L * c;
      for (int dy = begin; dy < end; dy++, p += line, q += WIDTH * next) {
        FloatVector u = FloatVector.fromMemorySegment(F, weight, q, ORDER);
        FloatVector v = FloatVector.fromMemorySegment(F, weight, q + next, ORDER);
        FloatVector w = FloatVector.fromMemorySegment(F, weight, q + 2 * next, ORDER);
        FloatVector s = FloatVector.fromMemorySegment(F, x, p, ORDER);
        a = s.fma(u, a);
        s = FloatVector.fromMemorySegment(F, x, p + next, ORDER);
        a = s.fma(v, a); b = s.fma(u, b);
        s = FloatVector.fromMemorySegment(F, x, p + 2 * next, ORDER);
        a = s.fma(w, a); b = s.fma(v, b); d = s.fma(u, d);
        s = FloatVector.fromMemorySegment(F, x, p + 3 * next, ORDER);
        b = s.fma(w, b); d = s.fma(v, d); e = s.fma(u, e);
        s = FloatVector.fromMemorySegment(F, x, p + 4 * next, ORDER);
        d = s.fma(w, d); e = s.fma(v, e);
        s = FloatVector.fromMemorySegment(F, x, p + 5 * next, ORDER);
        e = s.fma(w, e);
      }
      long y = 4 * (to + c);
      a.intoMemorySegment(out, y, ORDER);
      b.intoMemorySegment(out, y + next, ORDER);
      d.intoMemorySegment(out, y + 2 * next, ORDER);
      e.intoMemorySegment(out, y + 3 * next, ORDER);
    }
    if (c < channels)
      for (int i = 0; i < TOGETHER; i++) one(x, g, weight, bias, out, batch, row, col + i, to + (long) i * channels, c);
  }

  /// One output, from channel `c` on.
  private static void one(MemorySegment x, Convolution g, MemorySegment weight, @Nullable MemorySegment bias, MemorySegment out,
      int batch, int row, int col, long to, int c) {
    int top = row * g.window().strideY() - g.window().padY(), left = col * g.window().strideX() - g.window().padX();
    int height = g.window().height(), width = g.window().width(), channels = g.channels();
    int beginY = Math.clamp(-top, 0, height), endY = Math.clamp(g.height() - top, beginY, height);
    int beginX = Math.clamp(-left, 0, width), endX = Math.clamp(g.width() - left, beginX, width);
    for (; c + LANES <= channels; c += LANES) {                                                        // body
      var sum = bias == null ? FloatVector.zero(F) : load(bias, c);
      for (int dy = beginY; dy < endY; dy++) {
        long from = g.index(batch, top + dy, left, c), w = (long) dy * width * channels + c;
        for (int dx = beginX; dx < endX; dx++)
          sum = load(x, from + (long) dx * channels).fma(load(weight, w + (long) dx * channels), sum);
      }
      store(sum, out, to + c);
    }
    if (c < channels) {                                                                                // tail
      var tail = first(channels - c);
      var sum = bias == null ? FloatVector.zero(F) : load(bias, c, tail);
      for (int dy = beginY; dy < endY; dy++) {
        long from = g.index(batch, top + dy, left, c), w = (long) dy * width * channels + c;
        for (int dx = beginX; dx < endX; dx++)
          sum = load(x, from + (long) dx * channels, tail).fma(load(weight, w + (long) dx * channels, tail), sum);
      }
      store(sum, out, to + c, tail);
    }
  }
}
