package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.FLOAT;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Matrices;
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
  private final Attention attention;
  private final Convolutions convolutions;
  private final Resize resize;

  public VectorKernels(Workers workers) {
    this(workers, StandIns.WHILE_COLD);
  }

  VectorKernels(Workers workers, StandIns standIns) {
    this.workers = workers;
    this.standIns = standIns;
    var columns = new ColumnPool();
    product = new Product(workers, scratch, standIns, columns);
    attention = new Attention(workers, scratch, standIns, columns);
    convolutions = new Convolutions(product, scratch, standIns);
    resize = new Resize(workers, scratch);
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
  public void linear(MemorySegment x, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, int m) {
    if (out.byteSize() == 0) return;
    var left = LeftRows.of(Matrices.dense(x, 1, m, weight.k()), 0, 0);
    product.run(left, m, weight, bias, activation, residual, out, row -> (long) row * weight.n());
  }

  @Override
  public void matmul(Matrices a, Matrices b, Matrices out, float scale) {
    if (!out.isEmpty()) product.matmul(a, b, out, scale);
  }

  @Override
  public void attention(Matrices q, Matrices k, Matrices v, AttentionMask mask, Matrices out, float scale) {
    if (!out.isEmpty()) attention.run(q, k, v, mask, out, scale);
  }

  @Override
  public void attentionMaps(Matrices q, Matrices k, AttentionMask mask, MemorySegment maps, float scale) {
    if (maps.byteSize() > 0) attention.maps(q, k, mask, maps, scale, product);
  }

  @Override
  public void softmax(MemorySegment x, MemorySegment out, int rows, int cols) {
    forEachGroup(rows, cols, (from, to) -> {
      try (var loan = scratch.borrowArray(Rows.room(cols))) {
        float[] s = loan.floats();
        for (int row = from; row < to; row++) {
          MemorySegment.copy(x, FLOAT, 4L * row * cols, s, 0, cols);
          if (standIns.inUse()) PlainRows.softmax(s, cols, out, (long) row * cols);
          else Rows.softmax(s, cols, out, (long) row * cols);
        }
      }
    });
  }

  @Override
  public void layerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out,
      int rows, int cols) {
    forEachGroup(rows, cols, (from, to) -> {
      if (standIns.inUse()) plainLayerNorm(x, gamma, beta, eps, out, from, to, cols);
      else
        try (var room = scratch.borrowArray(Rows.ROOM)) {
          for (int row = from; row < to; row++) Rows.layerNorm(x, (long) row * cols, cols, gamma, beta, eps, out, room.floats());
        }
    });
  }

  private void plainLayerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out,
      int from, int to, int cols) {
    int room = Rows.room(cols);
    try (var loan = scratch.borrowArray(3 * room)) {
      float[] s = loan.floats();
      MemorySegment.copy(gamma, FLOAT, 0, s, room, cols);
      if (beta != null) MemorySegment.copy(beta, FLOAT, 0, s, 2 * room, cols);
      for (int row = from; row < to; row++) {
        MemorySegment.copy(x, FLOAT, 4L * row * cols, s, 0, cols);
        PlainRows.layerNorm(s, cols, room, beta == null ? -1 : 2 * room, eps);
        MemorySegment.copy(s, 0, out, FLOAT, 4L * row * cols, cols);
      }
    }
  }

  @Override
  public void rmsNorm(MemorySegment x, @Nullable MemorySegment gamma, float eps, MemorySegment out, int rows, int cols) {
    forEachGroup(rows, cols, (from, to) -> {
      try (var room = scratch.borrowArray(Rows.ROOM)) {
        for (int row = from; row < to; row++) Rows.rmsNorm(x, (long) row * cols, cols, gamma, eps, out, room.floats());
      }
    });
  }

  @Override
  public void activate(Activation activation, MemorySegment x, MemorySegment out, long n) {
    forEachChunk(n, (from, to, s) -> {
      if (standIns.inUse()) PlainElements.activate(activation, x, out, from, to, s);
      else Elements.activate(activation, x, out, from, to, s);
    });
  }

  @Override
  public void add(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    forEachPeriod(n, period, (from, to, at, s) -> {
      if (standIns.inUse()) PlainElements.add(a, b, at, out, from, to, s);
      else Elements.add(a, b, at, out, from, to);
    });
  }

  @Override
  public void multiply(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    forEachPeriod(n, period, (from, to, at, s) -> {
      if (standIns.inUse()) PlainElements.multiply(a, b, at, out, from, to, s);
      else Elements.multiply(a, b, at, out, from, to);
    });
  }

  @Override
  public void scale(MemorySegment x, float factor, MemorySegment out, long n) {
    forEachChunk(n, (from, to, s) -> Elements.scale(x, factor, out, from, to));
  }

  @Override
  public void copy(Matrices from, Matrices to) {
    if (from.isEmpty()) return;
    if (Maps.areTransposed(from, to) && !standIns.inUse()) {
      workers.forEach(from.outer() * from.rows(), task -> {
        try (var loan = scratch.borrowArray(Maps.ROOM)) {
          Maps.copyTransposed(from, to, task / from.rows(), task % from.rows(), loan.floats());
        }
      });
      return;
    }
    workers.forEach(from.outer() * from.inner(), batch -> {
      for (int row = 0; row < from.rows(); row++) Maps.copyRow(from, to, batch / from.inner(), batch % from.inner(), row);
    });
  }

  @Override
  public void gather(Weight table, MemorySegment indices, MemorySegment out, int count) {
    workers.forEach(count, i -> {
      int row = (int) indices.getAtIndex(FLOAT, i), k = table.k();
      for (int col = 0; col < k; col++) out.setAtIndex(FLOAT, (long) i * k + col, table.get(row, col));
    });
  }

  @Override
  public void find(MemorySegment x, float value, MemorySegment out, int rows, int cols) {
    for (int row = 0; row < rows; row++) {
      int col = 0;
      while (col < cols && x.getAtIndex(FLOAT, (long) row * cols + col) != value) col++;
      out.setAtIndex(FLOAT, row, (float) row * cols + (col < cols ? col : 0));
    }
  }

  /// Sines of single numbers: a prompt has a few points, and a map's positions are computed once.
  @Override
  public void fourier(MemorySegment x, double scale, double offset, MemorySegment basis, MemorySegment out, int points, int dims,
      int frequencies) {
    workers.forEach(points, p -> {
      for (int f = 0; f < frequencies; f++) {
        double turns = 0;
        for (int d = 0; d < dims; d++)
          turns += (scale * Simd.at(x, (long) p * dims + d) + offset) * Simd.at(basis, (long) d * frequencies + f);
        Simd.put(out, 2L * p * frequencies + f, (float) Math.sin(2 * Math.PI * turns));
        Simd.put(out, (2L * p + 1) * frequencies + f, (float) Math.cos(2 * Math.PI * turns));
      }
    });
  }

  @Override
  public void convolution(MemorySegment x, Convolution geometry, Weight weight, @Nullable MemorySegment bias,
      Activation activation, @Nullable MemorySegment residual, MemorySegment out) {
    if (out.byteSize() > 0) convolutions.run(x, geometry, weight, bias, activation, residual, out);
  }

  @Override
  public void depthwise(MemorySegment x, Convolution geometry, MemorySegment weight, @Nullable MemorySegment bias,
      Activation activation, MemorySegment out) {
    if (out.byteSize() == 0) return;
    workers.forEach(Depthwise.tasks(geometry), task -> {
      try (var loan = scratch.borrowArray(Elements.ROOM)) {
        Depthwise.run(x, geometry, weight, bias, activation, out, task, loan.floats());
      }
    });
  }

  @Override
  public void transposedConvolution(MemorySegment x, int batch, int height, int width, int kernel, Weight weight,
      @Nullable MemorySegment bias, Activation activation, MemorySegment out) {
    if (out.byteSize() > 0) convolutions.transposed(x, batch, height, width, kernel, weight, bias, activation, out);
  }

  @Override
  public void resize(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation) {
    if (out.byteSize() > 0) resize.run(x, batch, height, width, channels, out, outHeight, outWidth, interpolation);
  }

  @Override
  public void resizeArgmax(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation) {
    if (out.byteSize() > 0) resize.argmax(x, batch, height, width, channels, out, outHeight, outWidth, interpolation);
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
