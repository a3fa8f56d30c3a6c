package dev.fovea.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Rows whose numbers depend on all of the row, with the parameters and ints of [Formulas] and [FormulasRows].
///
/// A group of work items shares a row: adjacent work items read adjacent numbers, and what they have found is combined in local
/// memory in a logarithm of steps.
final class TunedRows {
  private static final int MOST_ITEMS = 256;
  private static final int LEAST_ITEMS = 32;

  private TunedRows() {}

  /// One group for each row.
  static WorkerGrid grid(int rows, int cols) {
    int items = Math.clamp(Integer.highestOneBit(Math.max(1, cols)), LEAST_ITEMS, MOST_ITEMS);
    var grid = new WorkerGrid1D(Math.multiplyExact(rows, items));
    grid.setLocalWork(items, 1, 1);
    return grid;
  }

  /// [Formulas#softmax]
  static void softmax(KernelContext context, FloatArray x, FloatArray out, IntArray p) {
    float[] shared = context.allocateFloatLocalArray(MOST_ITEMS);
    int item = context.localIdx, items = context.localGroupSizeX, row = context.groupIdx;
    int cols = p.get(3), from = p.get(1) + row * cols, to = p.get(2) + row * cols;
    float max = Float.NEGATIVE_INFINITY;
    for (int col = item; col < cols; col += items) {
      float value = x.get(from + col);
      if (value > max) max = value;
    }
    shared[item] = max;
    context.localBarrier();
    for (int half = items >> 1; half > 0; half = half >> 1) {
      if (item < half && shared[item + half] > shared[item]) shared[item] = shared[item + half];
      context.localBarrier();
    }
    max = shared[0];
    context.localBarrier();
    float sum = 0;
    for (int col = item; col < cols; col += items) {
      float e = TornadoMath.exp(x.get(from + col) - max);
      sum += e;
      out.set(to + col, e);
    }
    shared[item] = sum;
    context.localBarrier();
    for (int half = items >> 1; half > 0; half = half >> 1) {
      if (item < half) shared[item] += shared[item + half];
      context.localBarrier();
    }
    sum = shared[0];
    for (int col = item; col < cols; col += items) out.set(to + col, out.get(to + col) / sum);
  }

  /// [Formulas#layerNorm]
  static void layerNorm(KernelContext context, FloatArray x, FloatArray gamma, FloatArray beta, FloatArray out, IntArray p,
      float eps) {
    float[] shared = context.allocateFloatLocalArray(MOST_ITEMS);
    int item = context.localIdx, items = context.localGroupSizeX, row = context.groupIdx;
    int cols = p.get(5), from = p.get(1) + row * cols, to = p.get(4) + row * cols;
    float sum = 0;
    for (int col = item; col < cols; col += items) sum += x.get(from + col);
    shared[item] = sum;
    context.localBarrier();
    for (int half = items >> 1; half > 0; half = half >> 1) {
      if (item < half) shared[item] += shared[item + half];
      context.localBarrier();
    }
    float estimate = shared[0] / cols;
    context.localBarrier();
    float left = 0;
    for (int col = item; col < cols; col += items) left += x.get(from + col) - estimate;
    shared[item] = left;
    context.localBarrier();
    for (int half = items >> 1; half > 0; half = half >> 1) {
      if (item < half) shared[item] += shared[item + half];
      context.localBarrier();
    }
    float rest = shared[0] / cols;
    context.localBarrier();
    float squares = 0;
    for (int col = item; col < cols; col += items) {
      float difference = x.get(from + col) - estimate - rest;
      squares += difference * difference;
    }
    shared[item] = squares;
    context.localBarrier();
    for (int half = items >> 1; half > 0; half = half >> 1) {
      if (item < half) shared[item] += shared[item + half];
      context.localBarrier();
    }
    float deviation = TornadoMath.sqrt(shared[0] / cols + eps);
    for (int col = item; col < cols; col += items) {
      float y = (x.get(from + col) - estimate - rest) / deviation * gamma.get(p.get(2) + col);
      if (p.get(3) >= 0) y += beta.get(p.get(3) + col);
      out.set(to + col, y);
    }
  }

  /// [Formulas#rmsNorm]
  static void rmsNorm(KernelContext context, FloatArray x, FloatArray gamma, FloatArray out, IntArray p, float eps) {
    float[] shared = context.allocateFloatLocalArray(MOST_ITEMS);
    int item = context.localIdx, items = context.localGroupSizeX, row = context.groupIdx;
    int cols = p.get(4), from = p.get(1) + row * cols, to = p.get(3) + row * cols;
    float squares = 0;
    for (int col = item; col < cols; col += items) squares += x.get(from + col) * x.get(from + col);
    shared[item] = squares;
    context.localBarrier();
    for (int half = items >> 1; half > 0; half = half >> 1) {
      if (item < half) shared[item] += shared[item + half];
      context.localBarrier();
    }
    float root = TornadoMath.sqrt(shared[0] / cols + eps);
    for (int col = item; col < cols; col += items) {
      float y = x.get(from + col) / root;
      if (p.get(2) >= 0) y *= gamma.get(p.get(2) + col);
      out.set(to + col, y);
    }
  }

  /// [FormulasRows#find]
  static void find(KernelContext context, FloatArray x, FloatArray nan, FloatArray out, IntArray p, float value) {
    int[] shared = context.allocateIntLocalArray(MOST_ITEMS);
    int item = context.localIdx, items = context.localGroupSizeX, row = context.groupIdx;
    int cols = p.get(3), from = p.get(1) + row * cols, found = cols;
    for (int col = item; col < cols; col += items) if (col < found && x.get(from + col) == value) found = col;
    shared[item] = found;
    context.localBarrier();
    for (int half = items >> 1; half > 0; half = half >> 1) {
      if (item < half && shared[item + half] < shared[item]) shared[item] = shared[item + half];
      context.localBarrier();
    }
    float index = nan.get(0);
    if (shared[0] < cols) index = row * cols + shared[0];
    if (item == 0) out.set(p.get(2) + row, index);
  }

  /// [FormulasRows#largest]
  static void largest(KernelContext context, FloatArray x, FloatArray out, IntArray p) {
    float[] shared = context.allocateFloatLocalArray(MOST_ITEMS);
    int[] missing = context.allocateIntLocalArray(MOST_ITEMS);
    int item = context.localIdx, items = context.localGroupSizeX, row = context.groupIdx;
    int cols = p.get(3), from = p.get(1) + row * cols, none = 1;
    float max = Float.NEGATIVE_INFINITY;
    for (int col = item; col < cols; col += items) {
      float value = x.get(from + col);
      if (value > max) max = value;
      if (value == value) none = 0;
    }
    shared[item] = max;
    missing[item] = none;
    context.localBarrier();
    for (int half = items >> 1; half > 0; half = half >> 1) {
      if (item < half) {
        if (shared[item + half] > shared[item]) shared[item] = shared[item + half];
        missing[item] = missing[item] & missing[item + half];
      }
      context.localBarrier();
    }
    if (item == 0) {
      out.set(p.get(2) + row, shared[0]);
      out.set(p.get(2) + p.get(0) + row, missing[0]);
    }
  }
}
