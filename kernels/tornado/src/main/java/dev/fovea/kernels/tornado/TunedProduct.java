package dev.fovea.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.WorkerGrid3D;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Products for the memories of a GPU.
///
/// A group of 256 work items computes a tile of 64 × 64 results, a work item 4 × 4 of them with distance 16. Parts of 64 × 32 of
/// both factors, zeros beyond their ends, come to local memory together, and adjacent work items read adjacent numbers. A line of
/// local memory is one float longer than a tile, so that work items that write to different lines use different banks. At the end
/// the sums go through local memory, too: adjacent work items then write adjacent results, and the activation is compiled once,
/// not once a sum.
///
/// Only the kernels themselves touch local memory: TornadoVM 5.2 compiles wrong indices where a method gets such an array.
final class TunedProduct {
  /// Columns for which a tile is worth its while.
  static final int LEAST_COLS = 16;
  private static final int TILE = 64;
  private static final int DEPTH = 32;
  private static final int ITEMS = 256;
  private static final int LINE = TILE + 1;
  /// Where the second factor begins in local memory.
  private static final int SECOND = DEPTH * LINE;
  /// Floats for both factors, and later for the sums.
  private static final int LOCAL = TILE * LINE;
  /// Distance of a work item's rows, and of its columns.
  private static final int STEP = 16;
  /// Numbers of each part that a work item brings to local memory.
  private static final int LOADS = TILE * DEPTH / ITEMS;
  /// Work items that share a result of [#fewRows].
  private static final int SHARE = 32;

  private TunedProduct() {}

  /// One group for each tile of products of `[rows, cols]`.
  static WorkerGrid tiles(int rows, int cols, int products) {
    return groups(Math.ceilDiv(rows, TILE), Math.ceilDiv(cols, TILE), products);
  }

  /// The work items of [#fewRows].
  static WorkerGrid shares(int rows, int cols) {
    return groups(Math.ceilDiv(cols, ITEMS / SHARE), rows, 1);
  }

  private static WorkerGrid groups(int x, int y, int z) {
    var grid = new WorkerGrid3D(Math.multiplyExact(x, ITEMS), y, z);
    grid.setLocalWork(ITEMS, 1, 1);
    return grid;
  }

  /// `out = activation(scale · first · second + bias) + residual`, product by product. The second factor may have 8 bits: then
  /// `bytes` has its numbers, and `second` a scale for each 32 of them.
  ///
  /// | index of `p` | int |
  /// |---|---|
  /// | 0 to 2 | rows · cols · depth |
  /// | 3 to 7 | first · second · bias · residual · out |
  /// | 8, 9 | activation · 1 if second has 8 bits |
  /// | 10 | products that share the outer index |
  /// | 11 to 14 | strides of first: outer, inner, row, depth |
  /// | 15 to 18 | strides of second: outer, inner, depth, column |
  /// | 19 | rows of a line of out |
  /// | 20 to 24 | strides of out and residual: outer, inner, line, row, column |
  static void product(KernelContext context, FloatArray first, FloatArray second, ByteArray bytes, FloatArray bias,
      FloatArray residual, FloatArray out, IntArray p, float scale) {
    float[] tile = context.allocateFloatLocalArray(LOCAL);
    float[] sums = new float[16];
    int item = context.localIdx, firstRow = context.groupIdx * TILE, firstCol = context.groupIdy * TILE;
    int outer = context.groupIdz / p.get(10), inner = context.groupIdz % p.get(10);
    int rows = p.get(0), cols = p.get(1), depth = p.get(2), isNarrow = p.get(9);
    int fromA = p.get(3) + outer * p.get(11) + inner * p.get(12), rowA = p.get(13), depthA = p.get(14);
    int fromB = p.get(4) + outer * p.get(15) + inner * p.get(16), depthB = p.get(17), colB = p.get(18);
    // Adjacent work items go along the rows where these are adjacent, otherwise along the depth.
    int lineOfA = rowA == 1 ? item % TILE : item / DEPTH, startOfA = rowA == 1 ? item / TILE : item % DEPTH;
    int nextLineOfA = rowA == 1 ? 0 : ITEMS / DEPTH, nextOfA = rowA == 1 ? ITEMS / TILE : 0;
    int lineOfB = colB == 1 ? item % TILE : item / DEPTH, startOfB = colB == 1 ? item / TILE : item % DEPTH;
    int nextLineOfB = colB == 1 ? 0 : ITEMS / DEPTH, nextOfB = colB == 1 ? ITEMS / TILE : 0;
    clear(sums);
    for (int start = 0; start < depth; start += DEPTH) {
      for (int i = 0; i < LOADS; i++) {
        int line = lineOfA + i * nextLineOfA, d = startOfA + i * nextOfA;
        float value = 0;
        if (firstRow + line < rows && start + d < depth)
          value = first.get(fromA + (firstRow + line) * rowA + (start + d) * depthA);
        tile[d * LINE + line] = value;
      }
      for (int i = 0; i < LOADS; i++) {
        int line = lineOfB + i * nextLineOfB, d = startOfB + i * nextOfB;
        float value = 0;
        if (firstCol + line < cols && start + d < depth)
          value = second(second, bytes, isNarrow, fromB + (firstCol + line) * colB + (start + d) * depthB);
        tile[SECOND + d * LINE + line] = value;
      }
      context.localBarrier();
      for (int d = 0; d < DEPTH; d++) {
        int a = d * LINE + item / STEP, b = SECOND + d * LINE + item % STEP;
        add(sums, tile[a], tile[a + STEP], tile[a + 2 * STEP], tile[a + 3 * STEP],
            tile[b], tile[b + STEP], tile[b + 2 * STEP], tile[b + 3 * STEP]);
      }
      context.localBarrier();
    }
    for (int i = 0; i < 16; i++) tile[(item / STEP + i / 4 * STEP) * LINE + item % STEP + i % 4 * STEP] = sums[i];
    context.localBarrier();
    for (int i = item; i < TILE * TILE; i += ITEMS) {
      int row = firstRow + i / TILE, col = firstCol + i % TILE;
      if (row < rows && col < cols)
        finish(bias, residual, out, p, outer, inner, row, col, scale * tile[i / TILE * LINE + i % TILE]);
    }
  }

  /// The same for few rows, which would leave most of a tile empty: 32 work items share a result. The depth must be adjacent in
  /// both factors, and there is one product.
  ///
  /// `p`: as for [#product]
  static void fewRows(KernelContext context, FloatArray first, FloatArray second, ByteArray bytes, FloatArray bias,
      FloatArray residual, FloatArray out, IntArray p, float scale) {
    float[] sums = context.allocateFloatLocalArray(ITEMS);
    int item = context.localIdx, share = item % SHARE;
    int row = context.groupIdy, col = context.groupIdx * (ITEMS / SHARE) + item / SHARE;
    int cols = p.get(1), depth = p.get(2), isNarrow = p.get(9);
    int fromA = p.get(3) + row * p.get(13), fromB = p.get(4) + col * p.get(18);
    float sum = 0;
    if (col < cols)
      for (int d = share; d < depth; d += SHARE) sum += first.get(fromA + d) * second(second, bytes, isNarrow, fromB + d);
    sums[item] = sum;
    context.localBarrier();
    for (int half = SHARE / 2; half > 0; half = half >> 1) {
      if (share < half) sums[item] += sums[item + half];
      context.localBarrier();
    }
    if (share == 0 && col < cols) finish(bias, residual, out, p, 0, 0, row, col, scale * sums[item]);
  }

  /// [FormulasMaps#convolve] as a product of the windows, which are gathered as they come to local memory, and the weight of a
  /// group.
  ///
  /// `p`: as for [FormulasMaps#convolve], then 28 1 if the weight has 8 bits
  static void windows(KernelContext context, FloatArray x, FloatArray weight, ByteArray bytes, FloatArray bias, FloatArray residual,
      FloatArray out, IntArray p) {
    float[] tile = context.allocateFloatLocalArray(LOCAL);
    float[] sums = new float[16];
    int[] maps = new int[LOADS], tops = new int[LOADS], lefts = new int[LOADS];
    int item = context.localIdx, firstRow = context.groupIdx * TILE, firstCol = context.groupIdy * TILE, group = context.groupIdz;
    int n = p.get(8), rows = p.get(0) / n, cols = p.get(11), depth = p.get(9), isNarrow = p.get(28);
    int channels = p.get(10), height = p.get(12), width = p.get(13);
    int weightRow = isNarrow == 1 ? (depth + 31) / 32 * 32 : depth;
    int line = item / DEPTH, d0 = item % DEPTH;
    for (int i = 0; i < LOADS; i++) {
      int window = firstRow + line + i * (ITEMS / DEPTH);
      maps[i] = p.get(1) + window / p.get(7) / p.get(6) * p.get(21) + group * channels * p.get(24);
      tops[i] = window / p.get(7) % p.get(6) * p.get(16) - p.get(18);
      lefts[i] = window % p.get(7) * p.get(17) - p.get(19);
    }
    clear(sums);
    for (int start = 0; start < depth; start += DEPTH) {
      int column = start + d0;
      int channel = column / p.get(25) % channels, dy = column / p.get(26) % p.get(14), dx = column / p.get(27) % p.get(15);
      for (int i = 0; i < LOADS; i++) {
        int row = firstRow + line + i * (ITEMS / DEPTH), y = tops[i] + dy, left = lefts[i] + dx;
        float value = 0;
        if (row < rows && column < depth && y >= 0 && y < height && left >= 0 && left < width)
          value = x.get(maps[i] + y * p.get(22) + left * p.get(23) + channel * p.get(24));
        tile[d0 * LINE + line + i * (ITEMS / DEPTH)] = value;
      }
      for (int i = 0; i < LOADS; i++) {
        int col = firstCol + line + i * (ITEMS / DEPTH);
        float value = 0;
        if (col < cols && column < depth)
          value = second(weight, bytes, isNarrow, p.get(2) + (group * cols + col) * weightRow + column);
        tile[SECOND + d0 * LINE + line + i * (ITEMS / DEPTH)] = value;
      }
      context.localBarrier();
      for (int d = 0; d < DEPTH; d++) {
        int a = d * LINE + item / STEP, b = SECOND + d * LINE + item % STEP;
        add(sums, tile[a], tile[a + STEP], tile[a + 2 * STEP], tile[a + 3 * STEP],
            tile[b], tile[b + STEP], tile[b + 2 * STEP], tile[b + 3 * STEP]);
      }
      context.localBarrier();
    }
    for (int i = 0; i < 16; i++) tile[(item / STEP + i / 4 * STEP) * LINE + item % STEP + i % 4 * STEP] = sums[i];
    context.localBarrier();
    for (int i = item; i < TILE * TILE; i += ITEMS) {
      int row = firstRow + i / TILE, col = firstCol + i % TILE, output = group * cols + col;
      if (row < rows && col < cols) {
        float sum = tile[i / TILE * LINE + i % TILE];
        if (p.get(3) >= 0) sum += bias.get(p.get(3) + output);
        float y = Activations.apply(p.get(20), sum);
        if (p.get(4) >= 0) y += residual.get(p.get(4) + row * n + output);
        out.set(p.get(5) + row * n + output, y);
      }
    }
  }

  private static void clear(float[] sums) {
    for (int i = 0; i < 16; i++) sums[i] = 0;
  }

  /// A number of the second factor.
  private static float second(FloatArray second, ByteArray bytes, int isNarrow, int index) {
    float value;
    if (isNarrow == 1) value = bytes.get(index) * second.get(index / 32);
    else value = second.get(index);
    return value;
  }

  /// Adds the products of four numbers of each factor.
  static void add(float[] sums, float a0, float a1, float a2, float a3, float b0, float b1, float b2, float b3) {
    sums[0] += a0 * b0;
    sums[1] += a0 * b1;
    sums[2] += a0 * b2;
    sums[3] += a0 * b3;
    sums[4] += a1 * b0;
    sums[5] += a1 * b1;
    sums[6] += a1 * b2;
    sums[7] += a1 * b3;
    sums[8] += a2 * b0;
    sums[9] += a2 * b1;
    sums[10] += a2 * b2;
    sums[11] += a2 * b3;
    sums[12] += a3 * b0;
    sums[13] += a3 * b1;
    sums[14] += a3 * b2;
    sums[15] += a3 * b3;
  }

  /// Writes a result of [#product].
  private static void finish(FloatArray bias, FloatArray residual, FloatArray out, IntArray p, int outer, int inner, int row,
      int col, float product) {
    int at = outer * p.get(20) + inner * p.get(21) + row / p.get(19) * p.get(22) + row % p.get(19) * p.get(23) + col * p.get(24);
    float sum = product;
    if (p.get(5) >= 0) sum += bias.get(p.get(5) + col);
    float y = Activations.apply(p.get(8), sum);
    if (p.get(6) >= 0) y += residual.get(p.get(6) + at);
    out.set(p.get(7) + at, y);
  }
}
