package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;

import dev.fovea.kernels.Convolution;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The windows of one group of a convolution as the rows of a left operand, copied piece by piece.
///
/// A window consists of runs that are contiguous in memory:
///
/// | layout | run | runs |
/// |---|---|---|
/// | planes | a row of the window | `(c, dy)` |
/// | channels last, one group | a row of the window with all channels | `dy` |
/// | channels last, several groups | a sample's channels of the group | `(dy, dx)` |
final class Windows implements RowReader {
  private final MemorySegment x;
  private final Convolution g;
  private final int firstChannel;
  /// Adjacent samples in a run, and floats per sample.
  private final int samples, depth;
  /// Runs per row of a window.
  private final int across;
  private final int rows, cols;
  private final boolean vectors;

  /// @param vectors whether to copy short runs with vector loops
  Windows(MemorySegment x, Convolution g, int group, boolean vectors) {
    this.vectors = vectors;
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
    if (length == 0) return;
    var window = g.window();
    int batch = row / cols / rows, top = row / cols % rows * window.strideY() - window.padY();
    int left = row % cols * window.strideX() - window.padX();
    int run = samples * depth, number = from / run, begin = from % run;
    int dx = number % across, dy = number / across % window.height(), c = firstChannel + number / across / window.height();
    if (vectors && g.layout() == Convolution.Layout.PLANES && begin == 0 && length % run == 0 && run <= LANES) {
      copyLines(batch, c, dy, top, left, length / run, to, at);
      return;
    }
    for (int stop = at + length; at < stop; begin = 0) {
      int end = Math.min(run, begin + stop - at);
      copyRun(batch, c, top + dy, left + dx, begin, end, to, at);
      at += end - begin;
      if (++dx == across) {
        dx = 0;
        if (++dy == window.height()) {
          dy = 0;
          c++;
        }
      }
    }
  }

  /// Copies whole rows of a window over planes, from row `dy` of plane `c` on, with one vector each to avoid the overhead per row.
  private void copyLines(int batch, int c, int dy, int top, int left, int lines, float[] to, int at) {
    int width = samples, height = g.window().height(), h = g.height(), w = g.width();
    var whole = first(width);
    var inside = first(Math.min(width, w - left)).andNot(first(-left));
    long from = g.index(batch, top + dy, left, c);
    for (int line = 0, y = top + dy; line < lines; line++, at += width, y++, from += w) {
      var v = y >= 0 && y < h ? load(x, from, inside) : FloatVector.zero(F);
      v.intoArray(to, at, whole);
      if (y - top == height - 1) {
        y -= height;
        from += (long) (h - height) * w;
      }
    }
  }

  /// Copies floats `begin … end - 1` of the run that starts at sample `(y, x0)`; samples outside the map are zeros.
  private void copyRun(int batch, int c, int y, int x0, int begin, int end, float[] to, int at) {
    boolean above = y < 0 || y >= g.height();
    if (!above && x0 >= 0 && x0 + samples <= g.width()) {
      copy(x, g.index(batch, y, x0, c) + begin, to, at, end - begin);
      return;
    }
    Arrays.fill(to, at, at + end - begin, 0);
    int first = Math.clamp((long) -x0 * depth, begin, end), last = Math.clamp((long) (g.width() - x0) * depth, first, end);
    // A piece of a run may lie completely outside the map.
    if (!above && first < last) copy(x, g.index(batch, y, x0, c) + first, to, at + first - begin, last - first);
  }

  /// Copies floats. Runs are short, so one or two vectors take less time than a call of [MemorySegment#copy].
  private void copy(MemorySegment x, long from, float[] to, int at, int length) {
    if (!vectors || length >= 64) {
      MemorySegment.copy(x, Simd.FLOAT, 4 * from, to, at, length);
      return;
    }
    int i = 0;
    for (; i + LANES <= length; i += LANES) load(x, from + i).intoArray(to, at + i);                   // body
    if (i < length) {                                                                                  // tail
      var tail = first(length - i);
      load(x, from + i, tail).intoArray(to, at + i, tail);
    }
  }
}
