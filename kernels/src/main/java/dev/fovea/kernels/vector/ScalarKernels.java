package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.FLOAT;

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

/// The operations that dominate a model's first pass, in scalar loops over arrays, with the same bits as [VectorKernels]: each sum
/// has the same order and uses fma in the same places.
final class ScalarKernels {
  private final ScratchPool scratch;
  private final Chunks chunks;
  private final ScalarProduct product;
  private final ScalarAttention attention;
  private final ScalarFewQueries fewQueries;
  private final Convolutions convolutions;

  ScalarKernels(Workers workers, ScratchPool scratch) {
    this.scratch = scratch;
    chunks = new Chunks(workers, scratch);
    var columns = new ColumnPool();
    product = new ScalarProduct(workers, scratch, columns);
    attention = new ScalarAttention(workers, scratch, columns);
    fewQueries = new ScalarFewQueries(workers, scratch);
    convolutions = new Convolutions(product, scratch, false);
  }

  /// Runs an operation if a scalar loop implements it.
  ///
  /// @return whether the operation has run
  boolean tryRun(Operation operation) {
    switch (operation) {
      case Linear o -> linear(o);
      case Matmul o -> {
        if (!o.to().isEmpty()) product.matmul(o.a(), o.b(), o.to(), o.scale());
      }
      case Attention o -> {
        return tryAttention(o.present());
      }
      case Softmax o -> softmax(o);
      case LayerNorm o -> layerNorm(o);
      case RmsNorm o -> rmsNorm(o);
      case Rotary o -> rotary(o);
      case SamplingPoints o -> samplingPoints(o);
      case DeformableAttention o -> deformableAttention(o);
      case Activate(var activation, var x, var out, long n) ->
          chunks.chunks(n, (from, to, s) -> ScalarElements.activate(activation, x, out, from, to, s)).run();
      case Scale(var x, float factor, var out, long n) ->
          chunks.chunks(n, (from, to, s) -> ScalarElements.scale(x, factor, out, from, to, s)).run();
      case Add(var a, var b, var out, long n, long period) ->
          chunks.periods(n, period, (from, to, at, s) -> ScalarElements.add(a, b, at, out, from, to, s)).run();
      case Multiply(var a, var b, var out, long n, long period) ->
          chunks.periods(n, period, (from, to, at, s) -> ScalarElements.multiply(a, b, at, out, from, to, s)).run();
      case Copy(var from, var to) -> chunks.tasks(StridedCopy.matrices(from), task ->
          StridedCopy.byRows(from, to, task, 0, from.rows())).run();
      case Append o -> {
        return tryRun(o.now());
      }
      case Convolve o -> convolutions.run(o);
      case TransposedConvolution o -> convolutions.run(o);
      // Gather, Find, TopRows, Fourier and RotaryTable are scalar loops anyway.
      case AttentionMaps _, Gather _, Find _, TopRows _, Fourier _, RotaryTable _, Depthwise _, Resize _, ResizeArgmax _ -> {
        return false;
      }
    }
    return true;
  }

  private void linear(Linear o) {
    if (o.out().byteSize() == 0) return;
    int n = o.weight().n();
    product.run(RowReader.of(Matrices.dense(o.x(), 1, o.m(), o.weight().k()), 0, 0), o.m(), o.weight(), o.bias(), o.activation(),
        o.residual(), o.out(), row -> (long) row * n);
  }

  /// Attention of few queries, or with heads so narrow that a score is summed in one piece and nothing that is added to the scores.
  private boolean tryAttention(Attention o) {
    if (FewQueries.suits(o)) {
      if (!o.to().isEmpty()) fewQueries.run(o);
      return true;
    }
    var mask = o.mask();
    if (mask.keys() != null || mask.bias() != null || mask.grid() != null || StepCut.of(o.k().cols()).count() != 1) return false;
    if (!o.to().isEmpty()) attention.run(o);
    return true;
  }

  private void softmax(Softmax o) {
    int cols = o.cols();
    chunks.groups(o.rows(), cols, RowNorms.room(cols), (from, to, s) -> {
      for (int row = from; row < to; row++) {
        MemorySegment.copy(o.x(), FLOAT, 4L * row * cols, s, 0, cols);
        ScalarRowNorms.softmax(s, cols, o.out(), (long) row * cols);
      }
    }).run();
  }

  private void layerNorm(LayerNorm o) {
    int cols = o.cols(), room = RowNorms.room(cols);
    chunks.groups(o.rows(), cols, 3 * room, (from, to, s) -> {
      MemorySegment.copy(o.gamma(), FLOAT, 0, s, room, cols);
      if (o.beta() != null) MemorySegment.copy(o.beta(), FLOAT, 0, s, 2 * room, cols);
      for (int row = from; row < to; row++) {
        MemorySegment.copy(o.x(), FLOAT, 4L * row * cols, s, 0, cols);
        ScalarRowNorms.layerNorm(s, cols, room, o.beta() == null ? -1 : 2 * room, o.eps());
        MemorySegment.copy(s, 0, o.out(), FLOAT, 4L * row * cols, cols);
      }
    }).run();
  }

  private void rmsNorm(RmsNorm o) {
    int cols = o.cols(), room = RowNorms.room(cols);
    chunks.groups(o.rows(), cols, 2 * room, (from, to, s) -> {
      if (o.gamma() != null) MemorySegment.copy(o.gamma(), FLOAT, 0, s, room, cols);
      for (int row = from; row < to; row++) {
        MemorySegment.copy(o.x(), FLOAT, 4L * row * cols, s, 0, cols);
        ScalarRowNorms.rmsNorm(s, cols, o.gamma() == null ? -1 : room, o.eps());
        MemorySegment.copy(s, 0, o.out(), FLOAT, 4L * row * cols, cols);
      }
    }).run();
  }

  private void rotary(Rotary op) {
    Matrices x = op.x(), to = op.to();
    int rows = x.rows(), cols = x.cols();
    chunks.groups(x.outer() * x.inner() * rows, cols, 3 * cols, (begin, end, s) -> {
      for (int task = begin; task < end; task++) {
        int row = task % rows, o = task / rows / x.inner(), i = task / rows % x.inner();
        ScalarElements.rotate(x.segment(), x.index(o, i, row, 0), op.table(), (long) row * cols, to.segment(),
            to.index(o, i, row, 0), cols / 2, s);
      }
    }).run();
  }

  private void samplingPoints(SamplingPoints o) {
    if (o.out().byteSize() == 0) return;
    chunks.groups(o.batch() * o.queries(), o.heads() * Sampling.coordinates(o), Sampling.room(o), (from, to, s) ->
        ScalarSampling.points(o, from, to, s)).run();
  }

  private void deformableAttention(DeformableAttention o) {
    if (o.out().byteSize() == 0) return;
    long room = Terms.room(o);
    chunks.groups(o.batch() * o.queries(), o.heads() * o.depth(), 2 * o.depth(), (from, to, s) -> {
      try (var space = scratch.borrow(room)) {
        ScalarSampling.attention(o, from, to, space.segment(), s);
      }
    }).run();
  }
}
