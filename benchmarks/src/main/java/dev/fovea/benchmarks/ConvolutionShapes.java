package dev.fovea.benchmarks;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Window;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/// Convolutions of one map. A row of results is a row of the output map, with all columns and channels.
final class ConvolutionShapes {
  private ConvolutionShapes() {}

  /// A convolution over some part of the map.
  @FunctionalInterface
  private interface Convolving {
    void run(Kernels kernels, MemorySegment x, Convolution geometry, MemorySegment out);
  }

  /// Over a square picture `[3, H, W]`.
  static Shape planes(String what, int size, int channels, int outputs, Window window) {
    return convolution(what, Convolution.ofPlanes(1, channels, size, size, window), outputs);
  }

  /// Over a square map `[H, W, C]`.
  static Shape channelsLast(String what, int size, int channels, int outputs, Window window) {
    return convolution(what, Convolution.of(1, size, size, channels, window), outputs);
  }

  private static Shape convolution(String what, Convolution g, int outputs) {
    var name = name("convolution", g.window().height(), g.window().strideY(), g.height(), g.channels(), outputs, what);
    return shape(name, Limit.FMA, 2.0 * g.windows() * outputs * g.k(), g, outputs, arena -> {
      var weight = Operands.weight(arena, WeightFormat.F32, outputs, g.k());
      return (kernels, x, part, out) -> kernels.run(new Operation.Convolve(x, part, weight, null, Activation.NONE, null, out));
    });
  }

  /// Each channel by itself. There is little to compute, so the amount is the result's bytes.
  static Shape depthwise(String what, int size, int channels, Window window) {
    var g = Convolution.depthwise(1, size, size, channels, window);
    var name = name("depthwise", window.height(), window.strideY(), size, channels, channels, what);
    return shape(name, Limit.COPY, 4.0 * g.windows() * channels, g, channels, arena -> {
      var weight = Operands.random(arena, (long) window.size() * channels, 1);
      return (kernels, x, part, out) -> kernels.run(new Operation.Depthwise(x, part, weight, null, Activation.NONE, out));
    });
  }

  /// Each sample becomes a square of samples; a row is a row of squares.
  static Shape transposed(String what, int size, int channels, int outputs, int kernel) {
    int area = kernel * kernel;
    var name = name("transposed", kernel, kernel, size, channels, outputs, what);
    return new Shape(name, Limit.FMA, 2.0 * size * size * area * outputs * channels, Shapes.NONE, arena -> {
      var weight = Operands.weight(arena, WeightFormat.F32, area * outputs, channels);
      return Case.of(arena, (long) size * size * channels, size, size * area * outputs, (kernels, x, from, count, out) ->
          kernels.run(new Operation.TransposedConvolution(Operands.rows(x, from, count, size * channels), 1, count, size, kernel,
              weight, null, Activation.NONE, out)));
    });
  }

  private static String name(String kernel, int window, int stride, int size, int channels, int outputs, String what) {
    return String.format("%s %dx%d/%d %dx%dx%d to %d, %s", kernel, window, window, stride, size, size, channels, outputs, what);
  }

  private static Shape shape(String name, Limit limit, double amount, Convolution g, int outputs,
      Function<Arena, Convolving> prepare) {
    return new Shape(name, limit, amount, Shapes.NONE, arena -> {
      var convolving = prepare.apply(arena);
      return Case.of(arena, (long) g.height() * g.width() * g.channels(), g.rows(), g.cols() * outputs,
          (kernels, x, from, count, out) -> {
            if (count == g.rows()) convolving.run(kernels, x, g, out);
            else runRows(convolving, kernels, x, g, from, count, out);
          });
    });
  }

  /// Computes some rows of the result from a copy of their input, with explicit padding above and below.
  private static void runRows(Convolving convolving, Kernels kernels, MemorySegment x, Convolution g, int from, int count,
      MemorySegment out) {
    var w = g.window();
    int height = (count - 1) * w.strideY() + w.height(), top = from * w.strideY() - w.padY();
    var part = new Convolution(1, height, g.width(), g.channels(), new Window(w.height(), w.width(), w.strideY(), w.strideX(), 0,
        w.padX()), g.groups(), g.layout());
    boolean planes = g.layout() == Convolution.Layout.PLANES;
    int line = planes ? g.width() : g.width() * g.channels();
    try (var arena = Arena.ofConfined()) {
      var copy = arena.allocate(4L * height * g.width() * g.channels(), 64);
      for (int plane = 0; plane < (planes ? g.channels() : 1); plane++)
        for (int y = Math.max(0, -top); y < height && top + y < g.height(); y++)
          MemorySegment.copy(x, 4 * g.index(0, top + y, 0, plane), copy, 4 * part.index(0, y, 0, plane), 4L * line);
      convolving.run(kernels, copy, part, out);
    }
  }
}
