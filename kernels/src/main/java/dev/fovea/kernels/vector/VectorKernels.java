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
  /// Floats that are worth handing to another thread; a multiple of every vector's lanes.
  private static final int CHUNK = 1 << 14;

  private final Workers workers;
  private final StandIns standIns;
  private final ScratchPool scratch = new ScratchPool();
  private final Product product;
  private final FusedAttention attention;
  private final Convolutions convolutions;
  private final Resampler resize;

  public VectorKernels(Workers workers) {
    this(workers, StandIns.WHILE_COLD);
  }

  VectorKernels(Workers workers, StandIns standIns) {
    this.workers = workers;
    this.standIns = standIns;
    var columns = new ColumnPool();
    product = new Product(workers, scratch, standIns, columns);
    attention = new FusedAttention(workers, scratch, standIns, columns);
    convolutions = new Convolutions(product, scratch, standIns);
    resize = new Resampler(workers, scratch);
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
      case Convolve(var x, var g, var weight, var bias, var act, var residual, var out) -> convolve(x, g, weight, bias, act, residual, out);
      case Depthwise(var x, var g, var taps, var bias, var act, var out) -> depthwise(x, g, taps, bias, act, out);
      case TransposedConvolution o -> transposedConvolution(o);
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
    forEachGroup(rows, cols, (from, to) -> {
      try (var loan = scratch.borrowArray(RowNorms.room(cols))) {
        float[] s = loan.floats();
        for (int row = from; row < to; row++) {
          MemorySegment.copy(x, FLOAT, 4L * row * cols, s, 0, cols);
          if (standIns.inUse()) ScalarRowNorms.softmax(s, cols, out, (long) row * cols);
          else RowNorms.softmax(s, cols, out, (long) row * cols);
        }
      }
    });
  }

  private void layerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out,
      int rows, int cols) {
    forEachGroup(rows, cols, (from, to) -> {
      if (standIns.inUse()) plainLayerNorm(x, gamma, beta, eps, out, from, to, cols);
      else
        try (var room = scratch.borrowArray(RowNorms.ROOM)) {
          for (int row = from; row < to; row++) RowNorms.layerNorm(x, (long) row * cols, cols, gamma, beta, eps, out, room.floats());
        }
    });
  }

  private void plainLayerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out,
      int from, int to, int cols) {
    int room = RowNorms.room(cols);
    try (var loan = scratch.borrowArray(3 * room)) {
      float[] s = loan.floats();
      MemorySegment.copy(gamma, FLOAT, 0, s, room, cols);
      if (beta != null) MemorySegment.copy(beta, FLOAT, 0, s, 2 * room, cols);
      for (int row = from; row < to; row++) {
        MemorySegment.copy(x, FLOAT, 4L * row * cols, s, 0, cols);
        ScalarRowNorms.layerNorm(s, cols, room, beta == null ? -1 : 2 * room, eps);
        MemorySegment.copy(s, 0, out, FLOAT, 4L * row * cols, cols);
      }
    }
  }

  private void rmsNorm(MemorySegment x, @Nullable MemorySegment gamma, float eps, MemorySegment out, int rows, int cols) {
    forEachGroup(rows, cols, (from, to) -> {
      try (var room = scratch.borrowArray(RowNorms.ROOM)) {
        for (int row = from; row < to; row++) RowNorms.rmsNorm(x, (long) row * cols, cols, gamma, eps, out, room.floats());
      }
    });
  }

  private void activate(Activation activation, MemorySegment x, MemorySegment out, long n) {
    forEachChunk(n, (from, to, s) -> {
      if (standIns.inUse()) ScalarElements.activate(activation, x, out, from, to, s);
      else Elements.activate(activation, x, out, from, to, s);
    });
  }

  private void add(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    forEachPeriod(n, period, (from, to, at, s) -> {
      if (standIns.inUse()) ScalarElements.add(a, b, at, out, from, to, s);
      else Elements.add(a, b, at, out, from, to);
    });
  }

  private void multiply(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    forEachPeriod(n, period, (from, to, at, s) -> {
      if (standIns.inUse()) ScalarElements.multiply(a, b, at, out, from, to, s);
      else Elements.multiply(a, b, at, out, from, to);
    });
  }

  private void scale(MemorySegment x, float factor, MemorySegment out, long n) {
    forEachChunk(n, (from, to, s) -> Elements.scale(x, factor, out, from, to));
  }

  private void copy(Matrices from, Matrices to) {
    if (from.isEmpty()) return;
    if (StridedCopy.areTransposed(from, to) && !standIns.inUse()) {
      workers.forEach(from.outer() * from.rows(), task -> {
        try (var loan = scratch.borrowArray(StridedCopy.ROOM)) {
          StridedCopy.copyTransposed(from, to, task / from.rows(), task % from.rows(), loan.floats());
        }
      });
      return;
    }
    workers.forEach(from.outer() * from.inner(), batch -> {
      for (int row = 0; row < from.rows(); row++) StridedCopy.copyRow(from, to, batch / from.inner(), batch % from.inner(), row);
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

  private void convolve(MemorySegment x, Convolution geometry, Weight weight, @Nullable MemorySegment bias,
      Activation activation, @Nullable MemorySegment residual, MemorySegment out) {
    if (out.byteSize() > 0) convolutions.run(x, geometry, weight, bias, activation, residual, out);
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

  private void transposedConvolution(TransposedConvolution o) {
    if (o.out().byteSize() > 0)
      convolutions.transposed(o.x(), o.batch(), o.height(), o.width(), o.kernel(), o.weight(), o.bias(), o.activation(), o.out());
  }

  private void resize(Resize o) {
    if (o.out().byteSize() > 0)
      resize.run(o.x(), o.batch(), o.height(), o.width(), o.channels(), o.out(), o.outHeight(), o.outWidth(), o.interpolation());
  }

  private void resizeArgmax(ResizeArgmax o) {
    if (o.out().byteSize() > 0)
      resize.argmax(o.x(), o.batch(), o.height(), o.width(), o.channels(), o.out(), o.outHeight(), o.outWidth(), o.interpolation());
  }

  /// Closing twice is harmless; an operation after it throws [IllegalStateException] where it needs scratch memory.
  @Override
  public void close() {
    scratch.close();
    workers.close();
  }

  private interface Rowwise {
    void run(int from, int to);
  }

  private interface Range {
    void run(long from, long to, float[] s);
  }

  private interface Repeated {
    void run(long from, long to, long at, float[] s);
  }

  /// Chunks of `[0, n)`, each with an array of [Elements#ROOM] floats to work in.
  private void forEachChunk(long n, Range range) {
    workers.forEach(Math.toIntExact(Math.ceilDiv(n, (long) CHUNK)), chunk -> {
      try (var loan = scratch.borrowArray(Elements.ROOM)) {
        range.run((long) chunk * CHUNK, Math.min(n, (chunk + 1L) * CHUNK), loan.floats());
      }
    });
  }

  private void forEachGroup(int rows, int cols, Rowwise group) {
    if (cols == 0) return;
    int together = Math.max(1, CHUNK / cols);
    workers.forEach(Math.ceilDiv(rows, together), i -> group.run(i * together, Math.min(rows, (i + 1) * together)));
  }

  /// Chunks of `[0, n)` that do not cross a multiple of `period`, each with its position in the period.
  private void forEachPeriod(long n, long period, Repeated range) {
    if (n == 0) return;
    forEachChunk(n, (begin, end, s) -> {
      for (long from = begin; from < end; ) {
        long at = from % period, to = Math.min(end, from + period - at);
        range.run(from, to, at, s);
        from = to;
      }
    });
  }
}
