package dev.fovea.engine.tensor;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// Shows every operation to an observer, then performs it; without a target, only shows it.
final class ObservedKernels implements Kernels {
  private final @Nullable Kernels target;
  private final Consumer<Operation> observer;

  ObservedKernels(@Nullable Kernels target, Consumer<Operation> observer) {
    this.target = target;
    this.observer = observer;
  }

  @Override
  public String name() {
    return target == null ? "recorder" : target.name();
  }

  @Override
  public int threads() {
    return target == null ? 1 : target.threads();
  }

  /// @return whether to perform the operation
  private boolean shown(String name, List<Integer> shape, long macs, @Nullable MemorySegment... buffers) {
    observer.accept(new Operation(name, shape, macs, Stream.of(buffers).filter(Objects::nonNull).toList()));
    return target != null;
  }

  @Override
  public void linear(MemorySegment x, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, int m) {
    if (shown("linear", List.of(m, weight.n(), weight.k()), (long) m * weight.n() * weight.k(), x, weight.segment(), bias, residual, out))
      target.linear(x, weight, bias, activation, residual, out, m);
  }

  @Override
  public void matmul(Matrices a, Matrices b, Matrices out, float scale) {
    long batch = (long) a.outer() * a.inner();
    if (shown("matmul", List.of((int) batch, a.rows(), b.cols(), a.cols()), batch * a.rows() * b.cols() * a.cols(),
        a.segment(), b.segment(), out.segment()))
      target.matmul(a, b, out, scale);
  }

  @Override
  public void attention(Matrices q, Matrices k, Matrices v, AttentionMask mask, Matrices out, float scale) {
    long heads = (long) q.outer() * q.inner();
    if (shown("attention", List.of((int) heads, q.rows(), k.rows(), q.cols()), heads * q.rows() * k.rows() * (q.cols() + v.cols()),
        q.segment(), k.segment(), v.segment(), mask.keys(), biasOf(mask), rowsOf(mask), colsOf(mask), out.segment()))
      target.attention(q, k, v, mask, out, scale);
  }

  @Override
  public void attentionMaps(Matrices q, Matrices k, AttentionMask mask, MemorySegment maps, float scale) {
    long heads = (long) q.outer() * q.inner();
    if (shown("attentionMaps", List.of((int) heads, q.rows(), k.rows(), q.cols()), heads * q.rows() * k.rows() * q.cols(),
        q.segment(), k.segment(), mask.keys(), biasOf(mask), rowsOf(mask), colsOf(mask), maps))
      target.attentionMaps(q, k, mask, maps, scale);
  }

  private static @Nullable MemorySegment biasOf(AttentionMask mask) {
    return mask.bias() == null ? null : mask.bias().segment();
  }

  private static @Nullable MemorySegment rowsOf(AttentionMask mask) {
    return mask.grid() == null ? null : mask.grid().rows().segment();
  }

  private static @Nullable MemorySegment colsOf(AttentionMask mask) {
    return mask.grid() == null ? null : mask.grid().cols().segment();
  }

  @Override
  public void softmax(MemorySegment x, MemorySegment out, int rows, int cols) {
    if (shown("softmax", List.of(rows, cols), 0, x, out)) target.softmax(x, out, rows, cols);
  }

  @Override
  public void layerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out,
      int rows, int cols) {
    if (shown("layerNorm", List.of(rows, cols), 0, x, gamma, beta, out)) target.layerNorm(x, gamma, beta, eps, out, rows, cols);
  }

  @Override
  public void rmsNorm(MemorySegment x, @Nullable MemorySegment gamma, float eps, MemorySegment out, int rows, int cols) {
    if (shown("rmsNorm", List.of(rows, cols), 0, x, gamma, out)) target.rmsNorm(x, gamma, eps, out, rows, cols);
  }

  @Override
  public void activate(Activation activation, MemorySegment x, MemorySegment out, long n) {
    if (shown("activate", List.of((int) n), 0, x, out)) target.activate(activation, x, out, n);
  }

  @Override
  public void add(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    if (shown("add", List.of((int) n, (int) period), 0, a, b, out)) target.add(a, b, out, n, period);
  }

  @Override
  public void multiply(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    if (shown("multiply", List.of((int) n, (int) period), 0, a, b, out)) target.multiply(a, b, out, n, period);
  }

  @Override
  public void scale(MemorySegment x, float factor, MemorySegment out, long n) {
    if (shown("scale", List.of((int) n), 0, x, out)) target.scale(x, factor, out, n);
  }

  @Override
  public void copy(Matrices from, Matrices to) {
    if (shown("copy", List.of(from.outer(), from.inner(), from.rows(), from.cols()), 0, from.segment(), to.segment()))
      target.copy(from, to);
  }

  @Override
  public void gather(Weight table, MemorySegment indices, MemorySegment out, int count) {
    if (shown("gather", List.of(count, table.n(), table.k()), 0, table.segment(), indices, out)) target.gather(table, indices, out, count);
  }

  @Override
  public void find(MemorySegment x, float value, MemorySegment out, int rows, int cols) {
    if (shown("find", List.of(rows, cols), 0, x, out)) target.find(x, value, out, rows, cols);
  }

  @Override
  public void fourier(MemorySegment x, double scale, double offset, MemorySegment basis, MemorySegment out, int points, int dims,
      int frequencies) {
    if (shown("fourier", List.of(points, dims, frequencies), 0, x, basis, out))
      target.fourier(x, scale, offset, basis, out, points, dims, frequencies);
  }

  @Override
  public void convolution(MemorySegment x, Convolution g, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out) {
    if (shown("convolution", List.of(g.batch(), g.rows(), g.cols(), weight.n(), weight.k()), (long) g.windows() * weight.n() * weight.k(),
        x, weight.segment(), bias, residual, out))
      target.convolution(x, g, weight, bias, activation, residual, out);
  }

  @Override
  public void depthwise(MemorySegment x, Convolution g, MemorySegment weight, @Nullable MemorySegment bias, Activation activation,
      MemorySegment out) {
    int taps = g.window().size();
    if (shown("depthwise", List.of(g.batch(), g.rows(), g.cols(), g.channels(), taps), (long) g.windows() * g.channels() * taps,
        x, weight, bias, out))
      target.depthwise(x, g, weight, bias, activation, out);
  }

  @Override
  public void transposedConvolution(MemorySegment x, int batch, int height, int width, int kernel, Weight weight,
      @Nullable MemorySegment bias, Activation activation, MemorySegment out) {
    if (shown("transposedConvolution", List.of(batch, height, width, weight.n(), weight.k()),
        (long) batch * height * width * weight.n() * weight.k(), x, weight.segment(), bias, out))
      target.transposedConvolution(x, batch, height, width, kernel, weight, bias, activation, out);
  }

  @Override
  public void resize(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation) {
    if (shown("resize", List.of(batch, height, width, channels, outHeight, outWidth), 0, x, out))
      target.resize(x, batch, height, width, channels, out, outHeight, outWidth, interpolation);
  }

  @Override
  public void resizeArgmax(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation) {
    if (shown("resizeArgmax", List.of(batch, height, width, channels, outHeight, outWidth), 0, x, out))
      target.resizeArgmax(x, batch, height, width, channels, out, outHeight, outWidth, interpolation);
  }

  /// The target belongs to whoever made it.
  @Override
  public void close() {}
}
