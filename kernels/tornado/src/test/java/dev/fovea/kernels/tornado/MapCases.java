package dev.fovea.kernels.tornado;

import static dev.fovea.kernels.tornado.Numbers.empty;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Window;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Operations on feature maps.
final class MapCases {
  private final List<Case> all = new ArrayList<>();
  private final Numbers numbers = new Numbers(8);

  private MapCases() {}

  static List<Case> all() {
    var cases = new MapCases();
    cases.convolutions();
    cases.depthwise();
    cases.transposed();
    cases.resampling();
    cases.sampling();
    return cases.all;
  }

  private void add(String name, Operation operation) {
    all.add(new Case(name, operation));
  }

  private void convolutions() {
    var odd = new Window(3, 2, 2, 1, 1, 2);
    var windows = List.of(Window.square(1), Window.square(3).pad(1), Window.square(3).stride(2).pad(1), Window.patch(4), odd);
    for (var window : windows)
      for (var layout : Convolution.Layout.values())
        for (int groups : new int[] {1, 2})
          for (int n : new int[] {10, 36})
            convolve(window + " " + layout, new Convolution(2, 9, 8, 6, window, groups, layout), n, WeightFormat.F32,
                Weight.Layout.ROWS, Activation.NONE, true, false);
    for (var format : WeightFormat.values())
      for (var layout : Weight.Layout.values())
        for (var map : Convolution.Layout.values())
          convolve(format + " in " + layout + " " + map, new Convolution(1, 7, 5, 20, Window.square(3).pad(1), 2, map), 34, format,
              layout, Activation.RELU, true, true);
    convolve("picture", Convolution.ofPlanes(2, 3, 32, 24, Window.patch(8)), 70, WeightFormat.F32, Weight.Layout.PANELS,
        Activation.GELU, false, false);
    convolve("no channels", Convolution.of(1, 3, 3, 0, Window.square(2)), 4, WeightFormat.F32, Weight.Layout.ROWS, Activation.NONE,
        true, false);
    convolve("no pictures", Convolution.of(0, 3, 3, 2, Window.square(2)), 4, WeightFormat.F32, Weight.Layout.ROWS, Activation.NONE,
        true, false);
    var g = Convolution.of(1, 6, 6, 4, Window.square(3).pad(1));
    var out = numbers.normal(6 * 6 * 5);
    add("residual in place",
        new Operation.Convolve(numbers.normal(6 * 6 * 4), g, numbers.weight(5, g.k()), null, Activation.TANH, out, out));
  }

  private void convolve(String name, Convolution g, int n, WeightFormat format, Weight.Layout layout, Activation activation,
      boolean bias, boolean residual) {
    long size = (long) g.windows() * n;
    add(name, new Operation.Convolve(numbers.normal((long) g.batch() * g.height() * g.width() * g.channels()), g,
        numbers.weight(n, g.k(), format, layout), bias ? numbers.normal(n) : null, activation,
        residual ? numbers.normal(size) : null, empty(size)));
  }

  private void depthwise() {
    for (var window : List.of(Window.square(1), Window.square(3).pad(1), new Window(7, 5, 2, 3, 3, 2)))
      for (int channels : new int[] {1, 5, 64}) {
        var g = Convolution.depthwise(2, 9, 11, channels, window);
        for (boolean bias : new boolean[] {false, true})
          add(window.toString(), new Operation.Depthwise(numbers.normal(2L * 9 * 11 * channels), g,
              numbers.normal((long) window.size() * channels), bias ? numbers.normal(channels) : null,
              bias ? Activation.GELU : Activation.NONE, empty((long) g.windows() * channels)));
      }
    var windows = List.of(Window.square(3).stride(2).pad(1), Window.square(5).stride(3), new Window(2, 2, 3, 4, 1, 1),
        new Window(1, 9, 1, 2, 0, 4), new Window(7, 7, 1, 1, 3, 3));
    int channels = 3;
    for (var window : windows) {
      depthwise(window.toString(), Convolution.depthwise(2, 8, 13, channels, window));
      channels = channels == 3 ? 33 : channels == 33 ? 65 : channels == 65 ? 257 : 3;
    }
    depthwise("a column", Convolution.depthwise(1, 300, 1, 1, Window.square(3).pad(1)));
    depthwise("a row", Convolution.depthwise(1, 1, 300, 2, Window.square(3).pad(1)));
    MemorySegment x = numbers.normal(4 * 9 * 3), taps = numbers.normal(9 * 3);
    Numbers.set(x, 3 * (9 + 2), Float.NaN);
    Numbers.set(x, 3 * (9 + 6) + 1, Float.POSITIVE_INFINITY);
    // Of the first row of taps of the last channel, which lies outside the map at its top.
    Numbers.set(taps, 5, Float.NEGATIVE_INFINITY);
    var g = Convolution.depthwise(1, 4, 9, 3, Window.square(3).pad(1));
    add("special values", new Operation.Depthwise(x, g, taps, null, Activation.NONE, empty(4 * 9 * 3)));
  }

  private void depthwise(String name, Convolution g) {
    int channels = g.channels();
    add(name, new Operation.Depthwise(numbers.normal((long) g.batch() * g.height() * g.width() * channels), g,
        numbers.normal((long) g.window().size() * channels), numbers.normal(channels), Activation.SILU,
        empty((long) g.windows() * channels)));
  }

  private void transposed() {
    for (var format : WeightFormat.values())
      for (int kernel : new int[] {1, 2, 3}) {
        int n = 7, c = 40;
        var weight = numbers.weight(kernel * kernel * n, c, format, Weight.Layout.PANELS);
        add(format + " kernel " + kernel, new Operation.TransposedConvolution(numbers.normal(2 * 3 * 4 * c), 2, 3, 4, kernel,
            weight, kernel == 2 ? null : numbers.normal(n), Activation.GELU, empty(2L * 3 * 4 * kernel * kernel * n)));
      }
  }

  private void resampling() {
    int[][] sizes = {{4, 5, 8, 10}, {7, 9, 3, 4}, {3, 4, 7, 5}, {6, 6, 6, 6}, {1, 1, 3, 2}, {5, 4, 1, 1}, {37, 20, 14, 14}};
    for (var method : Interpolation.values())
      for (int[] s : sizes)
        for (int channels : new int[] {1, 3, 19}) resample(method, channels, s);
    // Many channels, pixels, taps, and lines for a row.
    resample(Interpolation.BILINEAR, 33, 5, 7, 11, 13);
    resample(Interpolation.BILINEAR, 257, 3, 4, 6, 5);
    resample(Interpolation.BICUBIC, 256, 4, 3, 3, 8);
    resample(Interpolation.BILINEAR_ALIGNED, 1, 2, 90, 3, 600);
    resample(Interpolation.BILINEAR, 2, 200, 3, 5, 2);
    resample(Interpolation.BICUBIC_ANTIALIASED, 1, 3, 1500, 2, 280);
    resample(Interpolation.BICUBIC_ANTIALIASED, 3, 300, 9, 5, 4);
    resample(Interpolation.AREA, 5, 3, 2600, 2, 2);
    float nan = Float.NaN, least = Float.NEGATIVE_INFINITY, most = Float.POSITIVE_INFINITY;
    // Between infinite numbers and beside NaN; coefficients of zero make NaN of infinity.
    var special = numbers.normal(6 * 5 * 3);
    Numbers.set(special, 3 * (5 + 1), nan);
    Numbers.set(special, 3 * (15 + 3) + 1, most);
    Numbers.set(special, 3 * (20 + 2) + 2, least);
    for (var method : Interpolation.values()) {
      add("special values", new Operation.Resize(special, 1, 6, 5, 3, empty(11 * 10 * 3), 11, 10, method));
      add("special values", new Operation.ResizeArgmax(special, 1, 6, 5, 3, empty(11 * 10), 11, 10, method));
    }
    var ties = empty(70);
    for (int i = 0; i < 70; i++) Numbers.set(ties, i, i % 35 == 9 || i % 35 == 34 || i == 66 ? 2 : i % 2);
    add("ties of many channels",
        new Operation.ResizeArgmax(ties, 1, 1, 2, 35, empty(6), 1, 6, Interpolation.BILINEAR));
    add("ties and NaN", new Operation.ResizeArgmax(Numbers.of(1, 1, nan, 2, nan, nan, least, least), 1, 1, 4, 2, empty(4), 1, 4,
        Interpolation.AREA));
  }

  private void resample(Interpolation method, int channels, int... s) {
    long in = 2L * s[0] * s[1] * channels, pixels = 2L * s[2] * s[3];
    add(method.name(), new Operation.Resize(numbers.normal(in), 2, s[0], s[1], channels, empty(pixels * channels), s[2], s[3],
        method));
    add(method.name(), new Operation.ResizeArgmax(numbers.normal(in), 2, s[0], s[1], channels, empty(pixels), s[2], s[3], method));
  }

  private void sampling() {
    var levels = List.of(new MapSize(7, 5), new MapSize(4, 3), new MapSize(1, 2));
    int batch = 2, queries = 5, heads = 3, depth = 9, perLevel = 4, cells = (int) MapSize.cells(levels);
    int samples = batch * queries * heads * levels.size() * perLevel;
    for (int coordinates : new int[] {2, 4})
      add(coordinates + " coordinates",
          new Operation.SamplingPoints(numbers.uniform((long) batch * queries * levels.size() * coordinates, 0, 1),
              numbers.normal(2L * samples), empty(2L * samples), batch, queries, heads, levels, perLevel, coordinates));
    for (double reach : new double[] {0, 0.5, 1e9}) {
      var points = numbers.uniform(2L * samples, -reach, 1 + reach);
      add("points up to " + reach,
          new Operation.DeformableAttention(numbers.normal((long) batch * cells * heads * depth), points,
              numbers.uniform(samples, 0, 1), empty((long) batch * queries * heads * depth), batch, queries, heads, depth, levels,
              perLevel));
    }
    // Heads of a group, parts of a head's points, and groups of a head.
    for (int channels : new int[] {1, 3, 33, 200, 257, 600})
      for (int many : new int[] {1, 13, 140}) {
        int pairs = channels < 33 ? 2 * 47 * 3 : 2 * 3 * 3, count = pairs * levels.size() * many;
        if (channels == 33 || many > 1)
          add(many + " points", new Operation.DeformableAttention(numbers.normal(2L * cells * 3 * channels),
              numbers.uniform(2L * count, -0.1, 1.1), numbers.uniform(count, 0, 1), empty((long) pairs * channels), 2, pairs / 6, 3,
              channels, levels, many));
      }
    add("no points", new Operation.DeformableAttention(numbers.normal(35 * 4), empty(0), empty(0), empty(3 * 4), 1, 3, 1, 4,
        List.of(new MapSize(7, 5)), 0));
    var points = numbers.uniform(2L * samples, 0, 1);
    var weights = numbers.uniform(samples, 0, 1);
    Numbers.set(points, 3, Float.NaN);
    Numbers.set(points, 2L * levels.size() * perLevel + 4, Float.POSITIVE_INFINITY);
    Numbers.set(points, 4L * levels.size() * perLevel + 5, Float.NEGATIVE_INFINITY);
    Numbers.set(weights, samples - 1, Float.POSITIVE_INFINITY);
    Numbers.set(weights, samples - 100, Float.NaN);
    add("special values",
        new Operation.DeformableAttention(numbers.normal((long) batch * cells * heads * depth), points, weights,
            empty((long) batch * queries * heads * depth), batch, queries, heads, depth, levels, perLevel));
    add("a large map", new Operation.DeformableAttention(numbers.normal(100 * 160 * 8), numbers.uniform(2 * 400, 0, 1),
        numbers.uniform(400, 0, 1), empty(100 * 8), 1, 100, 1, 8, List.of(new MapSize(100, 160)), 4));
  }
}
