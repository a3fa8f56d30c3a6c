package dev.fovea.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Refuses what [Kernels] forbids before a provider sees it, so that providers check nothing and cannot forget to.
final class CheckedKernels implements Kernels {
  /// The first whole number whose successor a float32 cannot hold.
  private static final long MAX_INDEX = 1 << 24;

  private final Kernels provider;

  CheckedKernels(Kernels provider) {
    this.provider = provider;
  }

  @Override
  public String name() {
    return provider.name();
  }

  @Override
  public int threads() {
    return provider.threads();
  }

  @Override
  public void linear(MemorySegment x, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, int m) {
    Check.size("m", m);
    Check.segment("x", x, 4L * m * weight.k(), shape(m, weight.k()));
    output(out, 4L * m * weight.n(), shape(m, weight.n()));
    Check.apart("x", x, out);
    weightAndBias(weight, bias, weight.n(), out);
    if (residual != null) {
      Check.segment("residual", residual, 4L * m * weight.n(), shape(m, weight.n()));
      Check.sameOrApart("residual", residual, out);
    }
    provider.linear(x, weight, bias, activation, residual, out, m);
  }

  @Override
  public void matmul(Matrices a, Matrices b, Matrices out, float scale) {
    batch("b", b, a.outer(), a.inner(), a.cols(), b.cols());
    batch("out", out, a.outer(), a.inner(), a.rows(), b.cols());
    output(out, a, b);
    provider.matmul(a, b, out, scale);
  }

  @Override
  public void attention(Matrices q, Matrices k, Matrices v, AttentionMask mask, Matrices out, float scale) {
    batch("k", k, q.outer(), q.inner(), k.rows(), q.cols());
    batch("v", v, q.outer(), q.inner(), k.rows(), v.cols());
    batch("out", out, q.outer(), q.inner(), q.rows(), v.cols());
    for (var m : new Matrices[] {q, k, v, out}) adjacent("attention", m);
    output(out, q, k, v);
    mask(mask, q, k, out.segment());
    provider.attention(q, k, v, mask, out, scale);
  }

  @Override
  public void attentionMaps(Matrices q, Matrices k, AttentionMask mask, MemorySegment maps, float scale) {
    batch("k", k, q.outer(), q.inner(), k.rows(), q.cols());
    output(maps, 4L * q.outer() * q.inner() * q.rows() * k.rows(), shape(q.outer(), q.inner(), q.rows(), k.rows()));
    for (var m : new Matrices[] {q, k}) {
      adjacent("attention maps", m);
      Check.atLeast("an input", m.segment(), 4 * m.extent());
      Check.apart("an input", extent(m), maps);
    }
    mask(mask, q, k, maps);
    provider.attentionMaps(q, k, mask, maps, scale);
  }

  private static void adjacent(String operation, Matrices m) {
    if (m.colStride() != 1) throw new IllegalArgumentException(operation + ": expected column stride 1, got " + m.colStride());
  }

  private static void mask(AttentionMask mask, Matrices q, Matrices k, MemorySegment out) {
    if (mask.keys() != null) {
      Check.segment("mask of keys", mask.keys(), 4L * q.outer() * k.rows(), shape(q.outer(), k.rows()));
      Check.apart("mask of keys", mask.keys(), out);
    }
    var bias = mask.bias();
    if (bias != null) {
      batch("attention bias", bias, q.outer(), q.inner(), q.rows(), k.rows());
      adjacent("attention bias", bias);
      Check.atLeast("attention bias", bias.segment(), 4 * bias.extent());
      Check.apart("attention bias", extent(bias), out);
    }
    if (mask.grid() != null) grid(mask.grid(), q, k, out);
  }

  private static void grid(GridBias grid, Matrices q, Matrices k, MemorySegment out) {
    if (grid.keys() != k.rows())
      throw new IllegalArgumentException("grid of keys: " + grid.rows().cols() + "x" + grid.cols().cols() + " for " + k.rows()
          + " keys");
    for (var part : new Matrices[] {grid.rows(), grid.cols()}) {
      batch("grid of keys", part, q.outer(), q.inner(), q.rows(), part.cols());
      adjacent("grid of keys", part);
      Check.atLeast("grid of keys", part.segment(), 4 * part.extent());
      Check.apart("grid of keys", extent(part), out);
    }
  }

  @Override
  public void softmax(MemorySegment x, MemorySegment out, int rows, int cols) {
    rows(x, out, rows, cols);
    provider.softmax(x, out, rows, cols);
  }

  @Override
  public void layerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out,
      int rows, int cols) {
    rows(x, out, rows, cols);
    Check.segment("gamma", gamma, 4L * cols, shape(cols));
    Check.apart("gamma", gamma, out);
    if (beta != null) {
      Check.segment("beta", beta, 4L * cols, shape(cols));
      Check.apart("beta", beta, out);
    }
    provider.layerNorm(x, gamma, beta, eps, out, rows, cols);
  }

  @Override
  public void rmsNorm(MemorySegment x, @Nullable MemorySegment gamma, float eps, MemorySegment out, int rows, int cols) {
    rows(x, out, rows, cols);
    if (gamma != null) {
      Check.segment("gamma", gamma, 4L * cols, shape(cols));
      Check.apart("gamma", gamma, out);
    }
    provider.rmsNorm(x, gamma, eps, out, rows, cols);
  }

  @Override
  public void activate(Activation activation, MemorySegment x, MemorySegment out, long n) {
    elements(x, out, n);
    provider.activate(activation, x, out, n);
  }

  @Override
  public void add(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    repeating(a, b, out, n, period);
    provider.add(a, b, out, n, period);
  }

  @Override
  public void multiply(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    repeating(a, b, out, n, period);
    provider.multiply(a, b, out, n, period);
  }

  @Override
  public void scale(MemorySegment x, float factor, MemorySegment out, long n) {
    elements(x, out, n);
    provider.scale(x, factor, out, n);
  }

  @Override
  public void copy(Matrices from, Matrices to) {
    batch("to", to, from.outer(), from.inner(), from.rows(), from.cols());
    output(to, from);
    provider.copy(from, to);
  }

  @Override
  public void gather(Weight table, MemorySegment indices, MemorySegment out, int count) {
    Check.size("count", count);
    Check.segment("indices", indices, 4L * count, shape(count));
    output(out, 4L * count * table.k(), shape(count, table.k()));
    Check.apart("indices", indices, out);
    weightAndBias(table, null, table.n(), out);
    for (int i = 0; i < count; i++) {
      float index = indices.getAtIndex(JAVA_FLOAT_UNALIGNED, i);
      if (!(index >= 0 && index < table.n() && index == (int) index))
        throw new IllegalArgumentException("indices: expected whole numbers from 0 to " + (table.n() - 1) + ", got " + index + " at " + i);
    }
    provider.gather(table, indices, out, count);
  }

  @Override
  public void find(MemorySegment x, float value, MemorySegment out, int rows, int cols) {
    Check.size("rows", rows);
    Check.size("cols", cols);
    if ((long) rows * cols >= MAX_INDEX)
      throw new IllegalArgumentException("find: expected fewer than " + MAX_INDEX + " elements, got " + shape(rows, cols));
    Check.segment("x", x, 4L * rows * cols, shape(rows, cols));
    output(out, 4L * rows, shape(rows));
    Check.apart("x", x, out);
    provider.find(x, value, out, rows, cols);
  }

  @Override
  public void fourier(MemorySegment x, double scale, double offset, MemorySegment basis, MemorySegment out, int points, int dims,
      int frequencies) {
    for (int size : new int[] {points, dims, frequencies}) Check.size("fourier", size);
    Check.segment("x", x, 4L * points * dims, shape(points, dims));
    Check.segment("basis", basis, 4L * dims * frequencies, shape(dims, frequencies));
    output(out, 8L * points * frequencies, shape(points, 2L * frequencies));
    Check.apart("x", x, out);
    Check.apart("basis", basis, out);
    provider.fourier(x, scale, offset, basis, out, points, dims, frequencies);
  }

  @Override
  public void convolution(MemorySegment x, Convolution g, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out) {
    if (weight.k() != g.k())
      throw new IllegalArgumentException("weight: expected " + g.k() + " columns for a window of " + g.window().height() + "x"
          + g.window().width() + " with " + g.depth() + " channels, got " + weight.k());
    if (g.groups() > 0 && weight.n() % g.groups() != 0)
      throw new IllegalArgumentException("weight: " + weight.n() + " outputs are not a multiple of " + g.groups() + " groups");
    map(x, g);
    long bytes = 4L * g.windows() * weight.n();
    var shape = shape(g.batch(), g.rows(), g.cols(), weight.n());
    output(out, bytes, shape);
    Check.apart("x", x, out);
    weightAndBias(weight, bias, weight.n(), out);
    if (residual != null) {
      Check.segment("residual", residual, bytes, shape);
      Check.sameOrApart("residual", residual, out);
    }
    provider.convolution(x, g, weight, bias, activation, residual, out);
  }

  @Override
  public void depthwise(MemorySegment x, Convolution g, MemorySegment weight, @Nullable MemorySegment bias, Activation activation,
      MemorySegment out) {
    if (g.groups() != g.channels() || g.layout() != Convolution.Layout.CHANNELS_LAST)
      throw new IllegalArgumentException("depthwise: expected " + g.channels() + " groups and channels last, got " + g.groups()
          + " groups and " + g.layout());
    map(x, g);
    Check.segment("taps", weight, 4L * g.window().size() * g.channels(), shape(g.window().height(), g.window().width(), g.channels()));
    output(out, 4L * g.windows() * g.channels(), shape(g.batch(), g.rows(), g.cols(), g.channels()));
    Check.apart("x", x, out);
    Check.apart("taps", weight, out);
    bias(bias, g.channels(), out);
    provider.depthwise(x, g, weight, bias, activation, out);
  }

  @Override
  public void transposedConvolution(MemorySegment x, int batch, int height, int width, int kernel, Weight weight,
      @Nullable MemorySegment bias, Activation activation, MemorySegment out) {
    for (int size : new int[] {batch, height, width}) Check.size("transposed convolution", size);
    if (kernel < 1 || weight.n() % (kernel * kernel) != 0)
      throw new IllegalArgumentException("weight: expected a multiple of " + kernel + "x" + kernel + " rows, got " + weight.n());
    int n = weight.n() / (kernel * kernel);
    Check.segment("x", x, 4L * batch * height * width * weight.k(), shape(batch, height, width, weight.k()));
    output(out, 4L * batch * height * width * weight.n(), shape(batch, (long) height * kernel, (long) width * kernel, n));
    Check.apart("x", x, out);
    weightAndBias(weight, bias, n, out);
    provider.transposedConvolution(x, batch, height, width, kernel, weight, bias, activation, out);
  }

  @Override
  public void resize(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation) {
    resampled(x, batch, height, width, channels, outHeight, outWidth);
    output(out, 4L * batch * outHeight * outWidth * channels, shape(batch, outHeight, outWidth, channels));
    resampled(x, out);
    provider.resize(x, batch, height, width, channels, out, outHeight, outWidth, interpolation);
  }

  @Override
  public void resizeArgmax(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation) {
    if (channels < 1 || channels >= MAX_INDEX)
      throw new IllegalArgumentException("resize: expected 1 to " + (MAX_INDEX - 1) + " channels, got " + channels);
    resampled(x, batch, height, width, channels, outHeight, outWidth);
    output(out, 4L * batch * outHeight * outWidth, shape(batch, outHeight, outWidth));
    resampled(x, out);
    provider.resizeArgmax(x, batch, height, width, channels, out, outHeight, outWidth, interpolation);
  }

  private static void resampled(MemorySegment x, int batch, int height, int width, int channels, int outHeight, int outWidth) {
    for (int size : new int[] {batch, height, width, channels, outHeight, outWidth}) Check.size("resize", size);
    Check.segment("x", x, 4L * batch * height * width * channels, shape(batch, height, width, channels));
  }

  private static void resampled(MemorySegment x, MemorySegment out) {
    if (x.byteSize() == 0 && out.byteSize() > 0) throw new IllegalArgumentException("resize: nothing to resample from");
    Check.apart("x", x, out);
  }

  @Override
  public void close() {
    provider.close();
  }

  private static void weightAndBias(Weight weight, @Nullable MemorySegment bias, int n, MemorySegment out) {
    Check.segment(Check.WEIGHT, weight.segment(), Weight.bytes(weight.type(), weight.layout(), weight.n(), weight.k()),
        shape(weight.n(), weight.k()) + " " + weight.type() + " in " + weight.layout());
    Check.apart("weight", weight.segment(), out);
    bias(bias, n, out);
  }

  private static void bias(@Nullable MemorySegment bias, int n, MemorySegment out) {
    if (bias == null) return;
    Check.segment("bias", bias, 4L * n, shape(n));
    Check.apart("bias", bias, out);
  }

  private static void map(MemorySegment x, Convolution g) {
    Check.segment("x", x, 4L * g.batch() * g.height() * g.width() * g.channels(), switch (g.layout()) {
      case CHANNELS_LAST -> shape(g.batch(), g.height(), g.width(), g.channels());
      case PLANES -> shape(g.batch(), g.channels(), g.height(), g.width());
    });
  }

  private static void rows(MemorySegment x, MemorySegment out, int rows, int cols) {
    Check.size("rows", rows);
    Check.size("cols", cols);
    Check.segment("x", x, 4L * rows * cols, shape(rows, cols));
    output(out, 4L * rows * cols, shape(rows, cols));
    Check.sameOrApart("x", x, out);
  }

  private static void elements(MemorySegment x, MemorySegment out, long n) {
    Check.size("n", n);
    Check.segment("x", x, 4 * n, shape(n));
    output(out, 4 * n, shape(n));
    Check.sameOrApart("x", x, out);
  }

  private static void repeating(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    Check.size("n", n);
    if (n > 0 && (period < 1 || n % period != 0))
      throw new IllegalArgumentException("period: expected a divisor of n = " + n + ", got " + period);
    Check.segment("a", a, 4 * n, shape(n));
    Check.segment("b", b, 4 * period, shape(period));
    output(out, 4 * n, shape(n));
    Check.sameOrApart("a", a, out);
    if (period == n) Check.sameOrApart("b", b, out);
    else Check.apart("b", b, out);
  }

  private static void output(MemorySegment out, long bytes, String shape) {
    Check.segment("out", out, bytes, shape);
    Check.writable(out);
  }

  private static void output(Matrices out, Matrices... inputs) {
    Check.atLeast("out", out.segment(), 4 * out.extent());
    Check.writable(out.segment());
    for (var in : inputs) {
      Check.atLeast("an input", in.segment(), 4 * in.extent());
      Check.apart("an input", extent(in), extent(out));
    }
  }

  private static MemorySegment extent(Matrices m) {
    return m.segment().asSlice(0, 4 * m.extent());
  }

  private static void batch(String name, Matrices m, int outer, int inner, int rows, int cols) {
    if (m.outer() != outer || m.inner() != inner || m.rows() != rows || m.cols() != cols)
      throw new IllegalArgumentException(name + ": expected " + shape(outer, inner, rows, cols) + ", got "
          + shape(m.outer(), m.inner(), m.rows(), m.cols()));
  }

  private static String shape(long... dims) {
    return java.util.Arrays.toString(dims);
  }
}
