package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Refuses what [Kernels] forbids before a provider sees it, so that providers check nothing and cannot forget to.
final class CheckedKernels implements Kernels {
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
    Check.segment(Check.WEIGHT, weight.segment(), Weight.bytes(weight.type(), weight.layout(), weight.n(), weight.k()),
        shape(weight.n(), weight.k()) + " " + weight.type() + " in " + weight.layout());
    output(out, 4L * m * weight.n(), shape(m, weight.n()));
    Check.apart("x", x, out);
    Check.apart("weight", weight.segment(), out);
    if (bias != null) {
      Check.segment("bias", bias, 4L * weight.n(), shape(weight.n()));
      Check.apart("bias", bias, out);
    }
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
  public void attention(Matrices q, Matrices k, Matrices v, Matrices out, float scale) {
    batch("k", k, q.outer(), q.inner(), k.rows(), q.cols());
    batch("v", v, q.outer(), q.inner(), k.rows(), v.cols());
    batch("out", out, q.outer(), q.inner(), q.rows(), v.cols());
    for (var m : new Matrices[] {q, k, v, out})
      if (m.colStride() != 1) throw new IllegalArgumentException("attention: expected column stride 1, got " + m.colStride());
    output(out, q, k, v);
    provider.attention(q, k, v, out, scale);
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
  public void patches(MemorySegment planes, PatchGrid grid, MemorySegment out) {
    Check.segment("planes", planes, 4L * grid.batch() * grid.channels() * grid.height() * grid.width(),
        shape(grid.batch(), grid.channels(), grid.height(), grid.width()));
    output(out, 4L * grid.batch() * grid.rows() * grid.cols() * grid.patchSize(),
        shape(grid.batch(), grid.rows(), grid.cols(), grid.patchSize()));
    Check.apart("planes", planes, out);
    provider.patches(planes, grid, out);
  }

  @Override
  public void resize(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation) {
    for (int size : new int[] {batch, height, width, channels, outHeight, outWidth}) Check.size("resize", size);
    Check.segment("x", x, 4L * batch * height * width * channels, shape(batch, height, width, channels));
    output(out, 4L * batch * outHeight * outWidth * channels, shape(batch, outHeight, outWidth, channels));
    if (x.byteSize() == 0 && out.byteSize() > 0) throw new IllegalArgumentException("resize: nothing to resample from");
    Check.apart("x", x, out);
    provider.resize(x, batch, height, width, channels, out, outHeight, outWidth, interpolation);
  }

  @Override
  public void close() {
    provider.close();
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
