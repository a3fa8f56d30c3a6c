package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.FLOAT;

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
import dev.fovea.kernels.Operation.DeformableAttention;
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
import dev.fovea.kernels.Operation.Rotary;
import dev.fovea.kernels.Operation.RotaryTable;
import dev.fovea.kernels.Operation.SamplingPoints;
import dev.fovea.kernels.Operation.Scale;
import dev.fovea.kernels.Operation.Softmax;
import dev.fovea.kernels.Operation.TopRows;
import dev.fovea.kernels.Operation.TransposedConvolution;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;

/// SIMD kernels on the Vector API. This class binds operations to tasks; the other classes of the package do the arithmetic.
///
/// One task computes each result from the first term to the last, in an order that depends only on sizes, not on the number of
/// threads.
public final class VectorKernels implements Kernels {
  private final Workers workers;
  private final ScratchPool scratch;
  private final Chunks chunks;
  private final Product product;
  private final FusedAttention attention;
  private final FewQueries fewQueries;
  private final Convolutions convolutions;
  private final Resampler resampler;

  public VectorKernels(Workers workers) {
    this(workers, new ScratchPool(workers.threads()));
  }

  /// @param scratch closed with these kernels
  VectorKernels(Workers workers, ScratchPool scratch) {
    this.workers = workers;
    this.scratch = scratch;
    chunks = new Chunks(workers, scratch);
    product = new Product(workers, scratch);
    attention = new FusedAttention(workers, scratch);
    fewQueries = new FewQueries(workers, scratch);
    convolutions = new Convolutions(product, scratch, true);
    resampler = new Resampler(workers, scratch);
  }

  /// Width of the vectors in bits.
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
    bind(operation).run();
  }

  @Override
  public Runnable bind(Operation operation) {
    return switch (operation) {
      case Linear o -> linear(o);
      case Matmul o -> unless(o.to().isEmpty(), () -> product.matmul(o.a(), o.b(), o.to(), o.scale()));
      case Attention o -> unless(o.to().isEmpty(), FewQueries.suits(o) ? fewQueries.bind(o) : attention.bind(o));
      case AttentionMaps o -> unless(isEmpty(o), () -> attention.maps(o, product));
      case Softmax o -> softmax(o);
      case LayerNorm o -> layerNorm(o);
      case RmsNorm o -> rmsNorm(o);
      case Activate(var activation, var x, var out, long n) ->
          chunks.chunks(n, (from, to, s) -> Elements.activate(activation, x, out, from, to, s));
      case Scale(var x, float factor, var out, long n) ->
          chunks.chunks(n, (from, to, s) -> Elements.scale(x, factor, out, from, to));
      case Add(var a, var b, var out, long n, long period) ->
          chunks.periods(n, period, (from, to, at, s) -> Elements.add(a, b, at, out, from, to));
      case Multiply(var a, var b, var out, long n, long period) ->
          chunks.periods(n, period, (from, to, at, s) -> Elements.multiply(a, b, at, out, from, to));
      case Copy(var from, var to) -> copy(from, to);
      case Append o -> append(o);
      case Gather o -> chunks.tasks(o.count(), i -> gather(o, i));
      case Find o -> () -> find(o);
      case TopRows o -> topRows(o);
      case SamplingPoints o -> samplingPoints(o);
      case DeformableAttention o -> deformableAttention(o);
      case Fourier o -> chunks.tasks(o.points(), p -> fourier(o, p));
      case RotaryTable o -> () -> rotaryTable(o);
      case Rotary o -> rotary(o);
      case Convolve o -> () -> convolutions.run(o);
      case Depthwise o -> depthwise(o);
      case TransposedConvolution o -> () -> convolutions.run(o);
      case Resize o -> unless(isEmpty(o), () -> resampler.run(o));
      case ResizeArgmax o -> unless(isEmpty(o), () -> resampler.argmax(o));
    };
  }

  private static boolean isEmpty(Operation operation) {
    return operation.out().byteSize() == 0;
  }

  private static Runnable unless(boolean isEmpty, Runnable step) {
    return isEmpty ? () -> {} : step;
  }

  private Runnable linear(Linear o) {
    int n = o.weight().n();
    var left = RowReader.of(Matrices.dense(o.x(), 1, o.m(), o.weight().k()), 0, 0);
    return unless(isEmpty(o),
        product.bind(left, o.m(), o.weight(), o.bias(), o.activation(), o.residual(), o.out(), row -> (long) row * n));
  }

  private Runnable softmax(Softmax o) {
    int cols = o.cols();
    MemorySegment x = o.x(), out = o.out();
    return chunks.groups(o.rows(), cols, RowNorms.room(cols), (from, to, s) -> {
      for (int row = from; row < to; row++) {
        MemorySegment.copy(x, FLOAT, 4L * row * cols, s, 0, cols);
        RowNorms.softmax(s, cols, out, (long) row * cols);
      }
    });
  }

  private Runnable layerNorm(LayerNorm o) {
    int cols = o.cols();
    return chunks.groups(o.rows(), cols, RowNorms.ROOM, (from, to, s) -> {
      for (int row = from; row < to; row++)
        RowNorms.layerNorm(o.x(), (long) row * cols, cols, o.gamma(), o.beta(), o.eps(), o.out(), s);
    });
  }

  private Runnable rmsNorm(RmsNorm o) {
    int cols = o.cols();
    return chunks.groups(o.rows(), cols, RowNorms.ROOM, (from, to, s) -> {
      for (int row = from; row < to; row++) RowNorms.rmsNorm(o.x(), (long) row * cols, cols, o.gamma(), o.eps(), o.out(), s);
    });
  }

  private Runnable copy(Matrices from, Matrices to) {
    int matrices = StridedCopy.matrices(from);
    if (matrices == 0 || !StridedCopy.areTransposed(from, to))
      return chunks.groups(matrices * from.rows(), from.cols(), 0, (begin, end, _) -> {
        for (int row = begin; row < end; row++) StridedCopy.row(from, to, row / from.rows(), row % from.rows());
      });
    return chunks.tasks(from.outer() * from.rows(), StridedCopy.ROOM, (task, s) ->
        StridedCopy.copyTransposed(from, to, task / from.rows(), task % from.rows(), s));
  }

  private Runnable append(Append o) {
    Matrices from = o.from(), to = o.to();
    return chunks.tasks(StridedCopy.matrices(from), task -> {
      int start = o.start();
      StridedCopy.byRows(from, to, task, start, Math.min(from.rows(), to.rows() - start));
    });
  }

  private static void gather(Gather o, int i) {
    int k = o.table().k(), row = o.row(o.indices().getAtIndex(FLOAT, i));
    for (int col = 0; col < k; col++) o.out().setAtIndex(FLOAT, (long) i * k + col, row < 0 ? Float.NaN : o.table().get(row, col));
  }

  private static void find(Find o) {
    int cols = o.cols();
    for (int row = 0; row < o.rows(); row++) {
      int col = 0;
      while (col < cols && o.x().getAtIndex(FLOAT, (long) row * cols + col) != o.value()) col++;
      o.out().setAtIndex(FLOAT, row, col < cols ? (float) row * cols + col : Float.NaN);
    }
  }

  private Runnable topRows(TopRows o) {
    int all = o.batch() * o.rows();
    scratch.reserve(1, all);
    return unless(isEmpty(o), () -> {
      try (var largest = scratch.borrow(all)) {
        chunks.groups(all, o.cols(), 0, (from, to, _) -> RowSelection.largest(o.x(), o.cols(), largest.segment(), from, to)).run();
        workers.forEach(o.batch(), b ->
            RowSelection.select(largest.segment(), b * o.rows(), o.rows(), o.out(), (long) b * o.count(), o.count()));
      }
    });
  }

  private Runnable samplingPoints(SamplingPoints o) {
    return unless(isEmpty(o), chunks.groups(o.batch() * o.queries(), o.heads() * Sampling.coordinates(o), Sampling.room(o),
        (from, to, s) -> Sampling.points(o, from, to, s)));
  }

  private Runnable deformableAttention(DeformableAttention o) {
    long room = Terms.room(o);
    scratch.reserve(workers.threads(), room);
    return unless(isEmpty(o), chunks.groups(o.batch() * o.queries(), o.heads() * o.depth(), 0, (from, to, _) -> {
      try (var space = scratch.borrow(room)) {
        Sampling.attention(o, from, to, space.segment());
      }
    }));
  }

  /// Scalar sines suffice: a prompt has a few points, and the positions of a feature map are computed once.
  private static void fourier(Fourier o, int p) {
    int dims = o.dims(), frequencies = o.frequencies();
    for (int f = 0; f < frequencies; f++) {
      double turns = 0;
      for (int d = 0; d < dims; d++)
        turns += (o.scale() * Simd.at(o.x(), (long) p * dims + d) + o.offset()) * Simd.at(o.basis(), (long) d * frequencies + f);
      Simd.put(o.out(), 2L * p * frequencies + f, (float) Math.sin(2 * Math.PI * turns));
      Simd.put(o.out(), (2L * p + 1) * frequencies + f, (float) Math.cos(2 * Math.PI * turns));
    }
  }

  /// Scalar cosines suffice: all heads of all layers turn by the same table.
  private static void rotaryTable(RotaryTable o) {
    int count = o.count(), first = o.first();
    for (int row = 0; row < o.rows(); row++)
      for (int f = 0; f < count; f++) {
        float angle = (first + row) * Simd.at(o.frequencies(), f);
        Simd.put(o.out(), 2L * row * count + f, (float) Math.cos(angle));
        Simd.put(o.out(), (2L * row + 1) * count + f, (float) Math.sin(angle));
      }
  }

  private Runnable rotary(Rotary op) {
    Matrices x = op.x(), to = op.to();
    int rows = x.rows(), cols = x.cols();
    return chunks.groups(x.outer() * x.inner() * rows, cols, 0, (begin, end, _) -> {
      for (int task = begin; task < end; task++) {
        int row = task % rows, o = task / rows / x.inner(), i = task / rows % x.inner();
        Elements.rotate(x.segment(), x.index(o, i, row, 0), op.table(), (long) row * cols, to.segment(), to.index(o, i, row, 0),
            cols / 2);
      }
    });
  }

  private Runnable depthwise(Depthwise o) {
    return chunks.tasks(isEmpty(o) ? 0 : DepthwiseKernel.tasks(o.geometry()), Elements.ROOM, (task, s) ->
        DepthwiseKernel.run(o.x(), o.geometry(), o.taps(), o.bias(), o.activation(), o.out(), task, s));
  }

  @Override
  public void forEach(int tasks, Workers.Task task) {
    workers.forEach(tasks, task);
  }

  /// Closing twice is harmless; a later operation throws [IllegalStateException] if it needs scratch memory.
  @Override
  public void close() {
    scratch.close();
    workers.close();
  }
}
