package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Window;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import org.jetbrains.annotations.Nullable;

/// Depthwise convolution, vectorized over the channels, so that all loads are contiguous.
///
/// For a 3 × 3 window with stride 1, two rows of outputs are computed at once. The nine weights and the six sums that use one
/// column of the map stay in registers: eighteen products take four loads and two stores. With so few accesses, C2's bounds checks
/// hardly matter. A loop over channels that sums four columns of a row at once has 31 accesses and was two to three times slower.
final class DepthwiseKernel {
  private static final Window WALKED = Window.square(3).pad(1);
  /// Zero padding above and below the map.
  private static final MemorySegment ZEROS = Arena.global().allocate(F.vectorByteSize(), 64);

  private DepthwiseKernel() {}

  /// Number of tasks: one for each pair of rows.
  static int tasks(Convolution g) {
    return g.batch() * Math.ceilDiv(g.rows(), 2);
  }

  /// Computes one pair of rows, or the last row of a map.
  ///
  /// @param room [Elements#ROOM] floats
  static void run(MemorySegment x, Convolution g, MemorySegment weight, @Nullable MemorySegment bias, Activation activation,
      MemorySegment out, int task, float[] room) {
    int pairs = Math.ceilDiv(g.rows(), 2), batch = task / pairs, row = task % pairs * 2, end = Math.min(row + 2, g.rows());
    long line = (long) g.cols() * g.channels(), from = ((long) batch * g.rows() + row) * line;
    int done = g.window().equals(WALKED) ? walk(x, g, weight, bias, out, batch, row) : 0;
    if (done < g.channels())
      for (int r = row; r < end; r++)
        for (int col = 0; col < g.cols(); col++) one(x, g, weight, bias, out, batch, r, col, done);
    if (activation != Activation.NONE) Elements.activate(activation, out, out, from, from + (end - row) * line, room);
  }

  /// Computes rows `row` and `row + 1` for all channels in whole vectors. A single last row of a map is written twice, the second
  /// time with the result.
  ///
  /// @return number of computed channels
  private static int walk(MemorySegment x, Convolution g, MemorySegment weight, @Nullable MemorySegment bias, MemorySegment out,
      int batch, int row) {
    Simd.expectPlain(out);
    int cols = g.width(), height = g.height(), channels = g.channels(), c = 0;
    long next = 4L * channels, line = next * cols, middle = 4 * g.index(batch, row, 0, 0), second = row + 1 < height ? line : 0;
    // Four rows of the map; rows in the padding read the same zeros repeatedly.
    MemorySegment x0 = row > 0 ? x : ZEROS, x2 = row + 1 < height ? x : ZEROS, x3 = row + 2 < height ? x : ZEROS;
    long next0 = row > 0 ? next : 0, next2 = row + 1 < height ? next : 0, next3 = row + 2 < height ? next : 0;
    for (; c + LANES <= channels; c += LANES) {
      long at = middle + 4L * c, q = 4L * c;
      long p0 = row > 0 ? at - line : 0, p1 = at, p2 = row + 1 < height ? at + line : 0;
      long p3 = row + 2 < height ? at + 2 * line : 0;
      FloatVector w0 = FloatVector.fromMemorySegment(F, weight, q, ORDER);
      FloatVector w1 = FloatVector.fromMemorySegment(F, weight, q + next, ORDER);
      FloatVector w2 = FloatVector.fromMemorySegment(F, weight, q + 2 * next, ORDER);
      FloatVector w3 = FloatVector.fromMemorySegment(F, weight, q + 3 * next, ORDER);
      FloatVector w4 = FloatVector.fromMemorySegment(F, weight, q + 4 * next, ORDER);
      FloatVector w5 = FloatVector.fromMemorySegment(F, weight, q + 5 * next, ORDER);
      FloatVector w6 = FloatVector.fromMemorySegment(F, weight, q + 6 * next, ORDER);
      FloatVector w7 = FloatVector.fromMemorySegment(F, weight, q + 7 * next, ORDER);
      FloatVector w8 = FloatVector.fromMemorySegment(F, weight, q + 8 * next, ORDER);
      FloatVector start = bias == null ? FloatVector.zero(F) : FloatVector.fromMemorySegment(F, bias, q, ORDER);
      // Sums of the first row, a, and of the second, b, for the left, the current and the right column.
      FloatVector a0 = start, a1 = start, b0 = start, b1 = start;
      long to = at;
      for (int col = 0; col < cols; col++, p0 += next0, p1 += next, p2 += next2, p3 += next3) {
        FloatVector a2, b2, s = FloatVector.fromMemorySegment(F, x0, p0, ORDER);
        a0 = s.fma(w2, a0); a1 = s.fma(w1, a1); a2 = s.fma(w0, start);
        s = FloatVector.fromMemorySegment(F, x, p1, ORDER);
        a0 = s.fma(w5, a0); a1 = s.fma(w4, a1); a2 = s.fma(w3, a2);
        b0 = s.fma(w2, b0); b1 = s.fma(w1, b1); b2 = s.fma(w0, start);
        s = FloatVector.fromMemorySegment(F, x2, p2, ORDER);
        a0 = s.fma(w8, a0); a1 = s.fma(w7, a1); a2 = s.fma(w6, a2);
        b0 = s.fma(w5, b0); b1 = s.fma(w4, b1); b2 = s.fma(w3, b2);
        s = FloatVector.fromMemorySegment(F, x3, p3, ORDER);
        b0 = s.fma(w8, b0); b1 = s.fma(w7, b1); b2 = s.fma(w6, b2);
        if (col > 0) {
          b0.intoMemorySegment(out, to + second, ORDER);
          a0.intoMemorySegment(out, to, ORDER);
          to += next;
        }
        a0 = a1; a1 = a2; b0 = b1; b1 = b2;
      }
      b0.intoMemorySegment(out, to + second, ORDER);
      a0.intoMemorySegment(out, to, ORDER);
    }
    return c;
  }

  /// Computes one output of any window, from channel `c` on, as the sum over the samples inside the map.
  private static void one(MemorySegment x, Convolution g, MemorySegment weight, @Nullable MemorySegment bias, MemorySegment out,
      int batch, int row, int col, int c) {
    int top = row * g.window().strideY() - g.window().padY(), left = col * g.window().strideX() - g.window().padX();
    int height = g.window().height(), width = g.window().width(), channels = g.channels();
    int beginY = Math.clamp(-top, 0, height), endY = Math.clamp(g.height() - top, beginY, height);
    int beginX = Math.clamp(-left, 0, width), endX = Math.clamp(g.width() - left, beginX, width);
    long to = (((long) batch * g.rows() + row) * g.cols() + col) * channels;
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
