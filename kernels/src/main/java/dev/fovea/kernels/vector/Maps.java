package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.all;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;

import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.PatchGrid;
import java.lang.foreign.MemorySegment;

/// Operations that move numbers between places: copies, gathered patches, resampled maps.
final class Maps {
  private Maps() {}

  /// Copies one row of a matrix.
  static void copyRow(Matrices from, Matrices to, int o, int i, int row) {
    long source = from.index(o, i, row, 0), target = to.index(o, i, row, 0);
    if (from.colStride() == 1 && to.colStride() == 1) {
      MemorySegment.copy(from.segment(), source * 4, to.segment(), target * 4, 4L * from.cols());
      return;
    }
    for (int c = 0; c < from.cols(); c++)
      Simd.put(to.segment(), target + c * to.colStride(), Simd.at(from.segment(), source + c * from.colStride()));
  }

  /// Gathers the windows of one row of the grid.
  static void patches(MemorySegment planes, PatchGrid g, MemorySegment out, int batch, int row) {
    long to = ((long) batch * g.rows() + row) * g.cols() * g.patchSize();
    for (int col = 0; col < g.cols(); col++) {
      int left = col * g.strideX() - g.padX();
      int begin = Math.clamp(-left, 0, g.patchWidth()), end = Math.clamp(g.width() - left, begin, g.patchWidth());
      for (int c = 0; c < g.channels(); c++)
        for (int dy = 0; dy < g.patchHeight(); dy++, to += g.patchWidth()) {
          int y = row * g.strideY() + dy - g.padY();
          boolean inside = y >= 0 && y < g.height();
          int from = inside ? begin : 0, until = inside ? end : 0;
          zero(out, to, from);
          long source = (((long) batch * g.channels() + c) * g.height() + y) * g.width() + left;
          if (until > from) MemorySegment.copy(planes, (source + from) * 4, out, (to + from) * 4, 4L * (until - from));
          zero(out, to + until, g.patchWidth() - until);
        }
    }
  }

  private static void zero(MemorySegment out, long from, int count) {
    for (int i = 0; i < count; i++) Simd.put(out, from + i, 0);
  }

  /// Resamples one row of a map `[height, width, C]` that begins at float `x0`.
  ///
  /// @param out the row begins at float `out0`
  static void resizeRow(MemorySegment x, long x0, int height, int width, int channels, MemorySegment out, long out0,
      int row, int outHeight, int outWidth, Interpolation interpolation) {
    var down = interpolation.coefficients(row, height, outHeight);
    int top = interpolation.first(row, height, outHeight);
    for (int col = 0; col < outWidth; col++) {
      var across = interpolation.coefficients(col, width, outWidth);
      int left = interpolation.first(col, width, outWidth), taps = across.length;
      var source = new long[down.length * taps];
      var weight = new float[down.length * taps];
      for (int i = 0; i < down.length; i++)
        for (int j = 0; j < taps; j++) {
          int y = Math.clamp(top + i, 0, height - 1), from = Math.clamp(left + j, 0, width - 1);
          source[i * taps + j] = x0 + ((long) y * width + from) * channels;
          weight[i * taps + j] = (float) (down[i] * across[j]);
        }
      blend(x, source, weight, channels, out, out0 + (long) col * channels);
    }
  }

  /// `out[c] = Σ weight[t] · x[source[t] + c]`.
  private static void blend(MemorySegment x, long[] source, float[] weight, int channels, MemorySegment out, long to) {
    int c = 0;
    for (; c + LANES <= channels; c += LANES) {                                                        // body
      var sum = all(0f);
      for (int t = 0; t < source.length; t++) sum = load(x, source[t] + c).fma(all(weight[t]), sum);
      store(sum, out, to + c);
    }
    if (c < channels) {                                                                                // tail
      var tail = first(channels - c);
      var sum = all(0f);
      for (int t = 0; t < source.length; t++) sum = load(x, source[t] + c, tail).fma(all(weight[t]), sum);
      store(sum, out, to + c, tail);
    }
  }
}
