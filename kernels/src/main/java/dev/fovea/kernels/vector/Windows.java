package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;

import dev.fovea.kernels.Convolution;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// The windows of one group of a convolution as the rows of a left operand, gathered piece by piece.
///
/// A window is a number of runs, each of which lies in one piece in memory:
///
/// | layout | run | runs |
/// |---|---|---|
/// | planes | a row of the window | `(c, dy)` |
/// | channels last, one group | a row of the window with all channels | `dy` |
/// | channels last, several groups | a sample's channels of the group | `(dy, dx)` |
final class Windows implements LeftRows {
  private final MemorySegment x;
  private final Convolution g;
  private final int firstChannel;
  /// Samples side by side in a run, and floats of each.
  private final int samples, depth;
  /// Runs to the right in a window.
  private final int across;
  private final int rows, cols;

  Windows(MemorySegment x, Convolution g, int group) {
    this.x = x;
    this.g = g;
    firstChannel = group * g.depth();
    boolean planes = g.layout() == Convolution.Layout.PLANES, whole = planes || g.depth() == g.channels();
    samples = whole ? g.window().width() : 1;
    depth = planes ? 1 : g.depth();
    across = g.window().width() / samples;
    rows = g.rows();
    cols = g.cols();
  }

  @Override
  public void copy(int row, int from, int length, float[] to, int at) {
    int batch = row / cols / rows;
    int top = row / cols % rows * g.window().strideY() - g.window().padY();
    int left = row % cols * g.window().strideX() - g.window().padX();
    int run = samples * depth;
    for (int number = from / run, begin = from % run; length > 0; number++, begin = 0) {
      int end = Math.min(run, begin + length);
      copyRun(batch, top, left, number, begin, end, to, at);
      at += end - begin;
      length -= end - begin;
    }
  }

  /// Floats `begin … end - 1` of a run; those outside the map are zeros.
  private void copyRun(int batch, int top, int left, int run, int begin, int end, float[] to, int at) {
    int line = run / across, height = g.window().height();
    int y = top + line % height, x0 = left + run % across, c = firstChannel + line / height;
    boolean inside = y >= 0 && y < g.height();
    int first = Math.clamp(inside ? (long) -x0 * depth : end, begin, end);
    int last = Math.clamp((long) (g.width() - x0) * depth, first, end);
    Arrays.fill(to, at, at + first - begin, 0);
    copy(x, g.index(batch, y, x0, c) + first, to, at + first - begin, last - first);
    Arrays.fill(to, at + last - begin, at + end - begin, 0);
  }

  /// Copies floats. Runs are short, so that a vector or two cost less than a call of [MemorySegment#copy].
  static void copy(MemorySegment x, long from, float[] to, int at, int length) {
    int i = 0;
    for (; i + LANES <= length; i += LANES) load(x, from + i).intoArray(to, at + i);                   // body
    if (i < length) {                                                                                  // tail
      var tail = first(length - i);
      load(x, from + i, tail).intoArray(to, at + i, tail);
    }
  }
}
