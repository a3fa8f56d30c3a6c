package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.all;
import static dev.fovea.kernels.vector.Simd.first;
import static dev.fovea.kernels.vector.Simd.load;
import static dev.fovea.kernels.vector.Simd.store;

import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Operation.Resize;
import dev.fovea.kernels.Operation.ResizeArgmax;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Separable resampling: source lines are interpolated to one line, then the samples of that line. For a scale factor `s`, this
/// takes `taps · (1 + 1/s)` products per element instead of `taps²`.
final class Resampler {
  /// Most floats of the result per task.
  private static final int CHUNK = 1 << 14;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  private final Workers workers;
  private final ScratchPool scratch;

  Resampler(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /// The source samples and their coefficients for each output sample of one dimension: indices `[count][taps]`, then coefficients
  /// `[count][taps]`.
  private record Taps(MemorySegment segment, int count, int taps) {
    /// Size of the table in 4-byte numbers.
    static long size(Interpolation interpolation, int in, int out) {
      return 2L * out * interpolation.taps(in, out);
    }

    static Taps of(Interpolation interpolation, int in, int out, MemorySegment segment) {
      var taps = new Taps(segment, out, interpolation.taps(in, out));
      for (int i = 0; i < out; i++) {
        int first = interpolation.first(i, in, out);
        for (int tap = 0; tap < taps.taps; tap++) {
          segment.set(INT, 4 * taps.at(i, tap), Math.clamp(first + tap, 0, in - 1));
          Simd.put(segment, (long) out * taps.taps + taps.at(i, tap), (float) interpolation.coefficient(tap, i, in, out));
        }
      }
      return taps;
    }

    private long at(int i, int tap) {
      return (long) i * taps + tap;
    }

    int source(int i, int tap) {
      return segment.get(INT, 4 * at(i, tap));
    }

    float coefficient(int i, int tap) {
      return Simd.at(segment, (long) count * taps + at(i, tap));
    }
  }

  /// Rows of the result per task.
  private int together(int rows, int floats) {
    return Math.clamp(CHUNK / floats, 1, Math.ceilDiv(rows, 3 * workers.threads()));
  }

  void run(Resize op) {
    MemorySegment x = op.x(), out = op.out();
    int batch = op.batch(), height = op.height(), width = op.width(), channels = op.channels();
    int outHeight = op.outHeight(), outWidth = op.outWidth();
    var interpolation = op.interpolation();
    int rows = batch * outHeight, together = together(rows, outWidth * channels);
    try (var down = scratch.borrow(Taps.size(interpolation, height, outHeight));
        var across = scratch.borrow(Taps.size(interpolation, width, outWidth))) {
      var ys = Taps.of(interpolation, height, outHeight, down.segment());
      var xs = Taps.of(interpolation, width, outWidth, across.segment());
      workers.forEach(Math.ceilDiv(rows, together), group -> {
        try (var space = scratch.borrow((long) width * channels)) {
          for (int row = group * together; row < Math.min(rows, (group + 1) * together); row++) {
            long map = (long) (row / outHeight) * height * width * channels;
            blend(x, map, (long) width * channels, ys, row % outHeight, space.segment(), 0, (long) width * channels);
            line(space.segment(), channels, xs, out, (long) row * outWidth * channels);
          }
        }
      });
    }
  }

  /// The largest channel of each sample of the result. Only one line of the result is in memory at a time.
  void argmax(ResizeArgmax op) {
    MemorySegment x = op.x(), out = op.out();
    int batch = op.batch(), height = op.height(), width = op.width(), channels = op.channels();
    int outHeight = op.outHeight(), outWidth = op.outWidth();
    var interpolation = op.interpolation();
    int rows = batch * outHeight, together = together(rows, outWidth * channels);
    try (var down = scratch.borrow(Taps.size(interpolation, height, outHeight));
        var across = scratch.borrow(Taps.size(interpolation, width, outWidth))) {
      var ys = Taps.of(interpolation, height, outHeight, down.segment());
      var xs = Taps.of(interpolation, width, outWidth, across.segment());
      workers.forEach(Math.ceilDiv(rows, together), group -> {
        try (var space = scratch.borrow((long) width * channels); var wide = scratch.borrow((long) outWidth * channels)) {
          for (int row = group * together; row < Math.min(rows, (group + 1) * together); row++) {
            long map = (long) (row / outHeight) * height * width * channels;
            blend(x, map, (long) width * channels, ys, row % outHeight, space.segment(), 0, (long) width * channels);
            line(space.segment(), channels, xs, wide.segment(), 0);
            Argmax.run(wide.segment(), channels, out, (long) row * outWidth, outWidth);
          }
        }
      });
    }
  }

  /// Interpolates the samples of a line of the result.
  private static void line(MemorySegment line, int channels, Taps xs, MemorySegment out, long to) {
    if (channels == 1 && xs.taps == 2) plane(line, xs.segment, xs.count, out, to);
    else if (channels < LANES) few(line, channels, xs, out, to);
    else for (int col = 0; col < xs.count; col++) blend(line, 0, channels, xs, col, out, to + (long) col * channels, channels);
  }

  /// Fewer channels than lanes.
  private static void few(MemorySegment line, int channels, Taps xs, MemorySegment out, long to) {
    for (int col = 0; col < xs.count; col++, to += channels)
      for (int tap = 0; tap < xs.taps; tap++) {
        long from = (long) xs.source(col, tap) * channels;
        float p = xs.coefficient(col, tap);
        for (int c = 0; c < channels; c++) {
          float y = Simd.at(line, from + c) * p;
          Simd.put(out, to + c, tap == 0 ? y : Simd.at(out, to + c) + y);
        }
      }
  }

  /// One channel and two taps, as in masks: only loads from the line and the table.
  private static void plane(MemorySegment line, MemorySegment xs, int count, MemorySegment out, long to) {
    for (int col = 0; col < count; col++) {
      float p = Simd.at(xs, 2L * (count + col)), q = Simd.at(xs, 2L * (count + col) + 1);
      Simd.put(out, to + col, Simd.at(line, xs.get(INT, 8L * col)) * p + Simd.at(line, xs.get(INT, 8L * col + 4)) * q);
    }
  }

  /// `out[to + i] = Σ coefficient · x[from + source · step + i]` over the taps of sample `at`, for `i` below `n`.
  private static void blend(MemorySegment x, long from, long step, Taps taps, int at, MemorySegment out, long to, long n) {
    if (taps.taps != 2 && taps.taps != 4) {
      many(x, from, step, taps, at, out, to, n);
      return;
    }
    long a = from + taps.source(at, 0) * step, b = from + taps.source(at, 1) * step;
    float p = taps.coefficient(at, 0), q = taps.coefficient(at, 1);
    if (taps.taps == 2) {
      two(x, a, b, p, q, out, to, n);
    } else {
      long c = from + taps.source(at, 2) * step, d = from + taps.source(at, 3) * step;
      four(x, a, b, c, d, p, q, taps.coefficient(at, 2), taps.coefficient(at, 3), out, to, n);
    }
  }

  private static void two(MemorySegment x, long a, long b, float p, float q, MemorySegment out, long to, long n) {
    long i = 0;
    for (; i + LANES <= n; i += LANES) store(load(x, a + i).mul(p).add(load(x, b + i).mul(q)), out, to + i);            // body
    if (i < n) {                                                                                                       // tail
      var tail = first(n - i);
      store(load(x, a + i, tail).mul(p).add(load(x, b + i, tail).mul(q)), out, to + i, tail);
    }
  }

  private static void four(MemorySegment x, long a, long b, long c, long d, float p, float q, float r, float s, MemorySegment out,
      long to, long n) {
    long i = 0;
    for (; i + LANES <= n; i += LANES) {                                                                               // body
      var sum = load(x, a + i).mul(p).add(load(x, b + i).mul(q));
      store(load(x, d + i).fma(all(s), load(x, c + i).fma(all(r), sum)), out, to + i);
    }
    if (i < n) {                                                                                                       // tail
      var tail = first(n - i);
      var sum = load(x, a + i, tail).mul(p).add(load(x, b + i, tail).mul(q));
      store(load(x, d + i, tail).fma(all(s), load(x, c + i, tail).fma(all(r), sum)), out, to + i, tail);
    }
  }

  private static void many(MemorySegment x, long from, long step, Taps taps, int at, MemorySegment out, long to, long n) {
    long i = 0;
    for (; i + LANES <= n; i += LANES) {                                                                               // body
      var sum = all(0f);
      for (int tap = 0; tap < taps.taps; tap++)
        sum = load(x, from + taps.source(at, tap) * step + i).fma(all(taps.coefficient(at, tap)), sum);
      store(sum, out, to + i);
    }
    if (i < n) {                                                                                                       // tail
      var tail = first(n - i);
      var sum = all(0f);
      for (int tap = 0; tap < taps.taps; tap++)
        sum = load(x, from + taps.source(at, tap) * step + i, tail).fma(all(taps.coefficient(at, tap)), sum);
      store(sum, out, to + i, tail);
    }
  }
}
