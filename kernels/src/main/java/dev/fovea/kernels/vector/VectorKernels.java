package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.FLOAT;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Operation.Activate;
import dev.fovea.kernels.Operation.Add;
import dev.fovea.kernels.Operation.Append;
import dev.fovea.kernels.Operation.Attention;
import dev.fovea.kernels.Operation.AttentionMaps;
import dev.fovea.kernels.Operation.Convolve;
import dev.fovea.kernels.Operation.Copy;
import dev.fovea.kernels.Operation.Depthwise;
import dev.fovea.kernels.Operation.Find;
import dev.fovea.kernels.Operation.Fourier;
import dev.fovea.kernels.Operation.Gather;
import dev.fovea.kernels.Operation.LayerNorm;
import dev.fovea.kernels.Operation.Linear;
import dev.fovea.kernels.Operation.Matmul;
import dev.fovea.kernels.Operation.Multiply;
import dev.fovea.kernels.Operation.Resize;
import dev.fovea.kernels.Operation.ResizeArgmax;
import dev.fovea.kernels.Operation.RmsNorm;
import dev.fovea.kernels.Operation.Scale;
import dev.fovea.kernels.Operation.Softmax;
import dev.fovea.kernels.Operation.TransposedConvolution;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// SIMD kernels on the Vector API. This class cuts operations into tasks; the arithmetic is in its neighbours.
///
/// Each result is computed by one task from the first term to the last in an order that depends on sizes alone, never on the
/// number of threads.
public final class VectorKernels implements Kernels {
  private final Workers workers;
  private final ScratchPool scratch;
  private final Chunks chunks;
  private final Product product;
  private final FusedAttention attention;
  private final Convolutions convolutions;
  private final Resampler resampler;

  public VectorKernels(Workers workers) {
    this(workers, new ScratchPool());
  }

  /// @param scratch closed with these kernels
  VectorKernels(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
    chunks = new Chunks(workers, scratch);
    product = new Product(workers, scratch);
    attention = new FusedAttention(workers, scratch);
    convolutions = new Convolutions(product, scratch, true);
    resampler = new Resampler(workers, scratch);
  }

  /// Width of the vectors in use, in bits.
  public static int bits() {
    return Simd.F.vectorBitSize();
  }

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public int threads() {
    return workers.threads();
  }

  @Override
  public void run(Operation operation) {
    switch (operation) {
      case Linear(var x, var weight, var bias, var act, var residual, var out, int m) -> linear(x, weight, bias, act, residual, out, m);
      case Matmul(var a, var b, var to, float scale) -> matmul(a, b, to, scale);
      case Attention o -> attention(o.present());
      case AttentionMaps(var q, var k, var mask, var out, float scale) -> attentionMaps(q, k, mask, out, scale);
      case Softmax(var x, var out, int rows, int cols) -> softmax(x, out, rows, cols);
      case LayerNorm(var x, var gamma, var beta, float eps, var out, int rows, int cols) -> layerNorm(x, gamma, beta, eps, out, rows, cols);
      case RmsNorm(var x, var gamma, float eps, var out, int rows, int cols) -> rmsNorm(x, gamma, eps, out, rows, cols);
      case Activate(var activation, var x, var out, long n) -> activate(activation, x, out, n);
      case Scale(var x, float factor, var out, long n) -> scale(x, factor, out, n);
      case Add(var a, var b, var out, long n, long period) -> add(a, b, out, n, period);
      case Multiply(var a, var b, var out, long n, long period) -> multiply(a, b, out, n, period);
      case Copy(var from, var to) -> copy(from, to);
      case Append append -> run(append.now());
      case Gather gather -> gather(gather);
      case Find(var x, float value, var out, int rows, int cols) -> find(x, value, out, rows, cols);
      case Fourier o -> fourier(o);
      case Convolve o -> convolutions.run(o);
      case Depthwise(var x, var g, var taps, var bias, var act, var out) -> depthwise(x, g, taps, bias, act, out);
      case TransposedConvolution o -> convolutions.run(o);
      case Resize o -> resize(o);
      case ResizeArgmax o -> resizeArgmax(o);
    }
  }

  private void linear(MemorySegment x, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, int m) {
    if (out.byteSize() == 0) return;
    var left = RowReader.of(Matrices.dense(x, 1, m, weight.k()), 0, 0);
    product.run(left, m, weight, bias, activation, residual, out, row -> (long) row * weight.n());
  }

  private void matmul(Matrices a, Matrices b, Matrices out, float scale) {
    if (!out.isEmpty()) product.matmul(a, b, out, scale);
  }

  private void attention(Attention o) {
    if (!o.to().isEmpty()) attention.run(o.q(), o.k(), o.v(), o.mask(), o.to(), o.scale());
  }

  private void attentionMaps(Matrices q, Matrices k, AttentionMask mask, MemorySegment maps, float scale) {
    if (maps.byteSize() > 0) attention.maps(q, k, mask, maps, scale, product);
  }

  private void softmax(MemorySegment x, MemorySegment out, int rows, int cols) {
    chunks.forEachGroup(rows, cols, RowNorms.room(cols), (from, to, s) -> {
      for (int row = from; row < to; row++) {
        MemorySegment.copy(x, FLOAT, 4L * row * cols, s, 0, cols);
        RowNorms.softmax(s, cols, out, (long) row * cols);
      }
    });
  }

  private void layerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out,
      int rows, int cols) {
    chunks.forEachGroup(rows, cols, RowNorms.ROOM, (from, to, s) -> {
      for (int row = from; row < to; row++) RowNorms.layerNorm(x, (long) row * cols, cols, gamma, beta, eps, out, s);
    });
  }

  private void rmsNorm(MemorySegment x, @Nullable MemorySegment gamma, float eps, MemorySegment out, int rows, int cols) {
    chunks.forEachGroup(rows, cols, RowNorms.ROOM, (from, to, s) -> {
      for (int row = from; row < to; row++) RowNorms.rmsNorm(x, (long) row * cols, cols, gamma, eps, out, s);
    });
  }

  private void activate(Activation activation, MemorySegment x, MemorySegment out, long n) {
    chunks.forEachChunk(n, (from, to, s) -> Elements.activate(activation, x, out, from, to, s));
  }

  private void add(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    chunks.forEachPeriod(n, period, (from, to, at, s) -> Elements.add(a, b, at, out, from, to));
  }

  private void multiply(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    chunks.forEachPeriod(n, period, (from, to, at, s) -> Elements.multiply(a, b, at, out, from, to));
  }

  private void scale(MemorySegment x, float factor, MemorySegment out, long n) {
    chunks.forEachChunk(n, (from, to, s) -> Elements.scale(x, factor, out, from, to));
  }

  private void copy(Matrices from, Matrices to) {
    if (from.isEmpty() || !StridedCopy.areTransposed(from, to)) {
      StridedCopy.byRows(from, to, workers);
      return;
    }
    workers.forEach(from.outer() * from.rows(), task -> {
      try (var loan = scratch.borrowArray(StridedCopy.ROOM)) {
        StridedCopy.copyTransposed(from, to, task / from.rows(), task % from.rows(), loan.floats());
      }
    });
  }

  private void gather(Gather o) {
    int k = o.table().k();
    workers.forEach(o.count(), i -> {
      int row = o.row(o.indices().getAtIndex(FLOAT, i));
      for (int col = 0; col < k; col++) o.out().setAtIndex(FLOAT, (long) i * k + col, row < 0 ? Float.NaN : o.table().get(row, col));
    });
  }

  private void find(MemorySegment x, float value, MemorySegment out, int rows, int cols) {
    for (int row = 0; row < rows; row++) {
      int col = 0;
      while (col < cols && x.getAtIndex(FLOAT, (long) row * cols + col) != value) col++;
      out.setAtIndex(FLOAT, row, col < cols ? (float) row * cols + col : Float.NaN);
    }
  }

  /// Sines of single numbers: a prompt has a few points, and a map's positions are computed once.
  private void fourier(Fourier o) {
    int dims = o.dims(), frequencies = o.frequencies();
    workers.forEach(o.points(), p -> {
      for (int f = 0; f < frequencies; f++) {
        double turns = 0;
        for (int d = 0; d < dims; d++)
          turns += (o.scale() * Simd.at(o.x(), (long) p * dims + d) + o.offset()) * Simd.at(o.basis(), (long) d * frequencies + f);
        Simd.put(o.out(), 2L * p * frequencies + f, (float) Math.sin(2 * Math.PI * turns));
        Simd.put(o.out(), (2L * p + 1) * frequencies + f, (float) Math.cos(2 * Math.PI * turns));
      }
    });
  }

  private void depthwise(MemorySegment x, Convolution geometry, MemorySegment weight, @Nullable MemorySegment bias,
      Activation activation, MemorySegment out) {
    if (out.byteSize() == 0) return;
    workers.forEach(DepthwiseKernel.tasks(geometry), task -> {
      try (var loan = scratch.borrowArray(Elements.ROOM)) {
        DepthwiseKernel.run(x, geometry, weight, bias, activation, out, task, loan.floats());
      }
    });
  }

  private void resize(Resize o) {
    if (o.out().byteSize() > 0)
      resampler.run(o.x(), o.batch(), o.height(), o.width(), o.channels(), o.out(), o.outHeight(), o.outWidth(), o.interpolation());
  }

  private void resizeArgmax(ResizeArgmax o) {
    if (o.out().byteSize() > 0)
      resampler.argmax(o.x(), o.batch(), o.height(), o.width(), o.channels(), o.out(), o.outHeight(), o.outWidth(), o.interpolation());
  }

  /// Closing twice is harmless; an operation after it throws [IllegalStateException] where it needs scratch memory.
  @Override
  public void close() {
    scratch.close();
    workers.close();
  }
}
