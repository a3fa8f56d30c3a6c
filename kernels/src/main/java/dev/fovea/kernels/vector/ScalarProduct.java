package dev.fovea.kernels.vector;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jetbrains.annotations.Nullable;

/// [Product] in scalar loops. A block of rows of the left operand is transposed, and each task multiplies it by some columns.
final class ScalarProduct implements MatrixProduct {
  private static final int ROWS = ColumnPool.LENGTH, PANEL = Weight.PANEL;
  /// Panels whose results are written together: longer pieces of a row need fewer copies.
  private static final int PANELS = 4;
  /// Columns of the left operand transposed by one task.
  private static final int TRANSPOSED = 128;
  /// Columns of a task of [#matmul].
  private static final int COLUMNS = 256;

  private final Workers workers;
  private final ScratchPool scratch;
  private final ColumnPool pool;

  ScalarProduct(Workers workers, ScratchPool scratch, ColumnPool pool) {
    this.workers = workers;
    this.scratch = scratch;
    this.pool = pool;
  }

  @Override
  public void run(RowReader x, int m, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, OutRows rows) {
    int panels = Math.ceilDiv(weight.n(), PANEL), together = Math.clamp(panels / (2 * workers.threads()), 1, PANELS);
    int k = weight.k(), blocks = Math.ceilDiv(m, ROWS);
    ColdStart.count(m, weight.n(), k);
    var left = pool.borrow(k);
    for (int block = 0; block < blocks; block++) {
      int row = (int) ((long) m * block / blocks), count = (int) ((long) m * (block + 1) / blocks) - row;
      workers.forEach(Math.ceilDiv(k, TRANSPOSED), i ->
          transpose(x, row, count, i * TRANSPOSED, Math.min(TRANSPOSED, k - i * TRANSPOSED), left));
      workers.forEach(Math.ceilDiv(panels, together), task -> {
        int col = task * together * PANEL, cols = Math.min(together * PANEL, weight.n() - col);
        var sums = pool.borrow(Math.ceilDiv(cols, PANEL) * PANEL);
        sum(left, count, weight, col, sums);
        finish(sums, bias, activation, col, cols, count);
        write(sums, residual, out, rows, row, count, col, cols);
        pool.giveBack(sums);
      });
    }
    pool.giveBack(left);
  }

  /// `out = scale · a · b`, matrix by matrix.
  void matmul(Matrices a, Matrices b, Matrices out, float scale) {
    int blocks = Math.ceilDiv(a.rows(), ROWS), parts = Math.ceilDiv(b.cols(), COLUMNS), k = a.cols();
    ColdStart.count(a.rows(), (long) a.outer() * a.inner() * b.cols(), k);
    workers.forEach(a.outer() * a.inner() * blocks * parts, task -> {
      int block = task / parts % blocks, batch = task / parts / blocks, o = batch / a.inner(), i = batch % a.inner();
      int row = (int) ((long) a.rows() * block / blocks), count = (int) ((long) a.rows() * (block + 1) / blocks) - row;
      int col = task % parts * COLUMNS, cols = Math.min(COLUMNS, b.cols() - col);
      float[][] left = pool.borrow(k), sums = pool.borrow(cols);
      for (int from = 0; from < k; from += TRANSPOSED)
        transpose(RowReader.of(a, o, i), row, count, from, Math.min(TRANSPOSED, k - from), left);
      sum(left, count, RowReader.of(b, o, i), k, col, sums);
      spread(sums, scale, out, o, i, row, count, col);
      pool.giveBack(left);
      pool.giveBack(sums);
    });
  }

  private void transpose(RowReader x, int row, int count, int from, int length, float[][] left) {
    try (var loan = scratch.borrowArray(TRANSPOSED)) {
      float[] line = loan.floats();
      for (int r = 0; r < count; r++) {
        x.copy(row + r, from, length, line, 0);
        scatter(line, length, left, from, r);
      }
    }
  }

  private static void scatter(float[] line, int length, float[][] columns, int first, int row) {
    for (int k = 0; k < length; k++) columns[first + k][row] = line[k];
  }

  private static void gather(float[][] columns, int row, int length, float[] line) {
    for (int j = 0; j < length; j++) line[j] = columns[j][row];
  }

  /// `sums[j] = left · weight[col + j]`, piece by piece as in [Product].
  private void sum(float[][] left, int count, Weight weight, int col, float[][] sums) {
    var steps = StepCut.of(weight);
    var part = pool.borrow(PANEL);
    try (var loan = scratch.borrowArray(steps.length(0) * PANEL)) {
      for (int j = 0; j < sums.length; j += PANEL)
        for (int piece = 0; piece < steps.count(); piece++) {
          int start = steps.start(piece), length = steps.length(piece);
          panel(weight, col + j, start, length, loan.floats());
          boolean first = piece == 0;
          ScalarMicroKernel.run(left, start, loan.floats(), 0, PANEL, 1, length, first ? sums : part, first ? j : 0, PANEL, count);
          if (!first) ScalarMicroKernel.add(part, sums, j, PANEL, count);
        }
    }
    pool.giveBack(part);
  }

  /// `sums = left · b` for the columns of `b` from `col` on, piece by piece as in [Product#matmul].
  private void sum(float[][] left, int count, RowReader b, int k, int col, float[][] sums) {
    var steps = StepCut.of(k);
    int cols = sums.length;
    var part = pool.borrow(cols);
    try (var loan = scratch.borrowArray(steps.length(0) * cols)) {
      for (int piece = 0; piece < steps.count(); piece++) {
        int start = steps.start(piece), length = steps.length(piece);
        for (int step = 0; step < length; step++) b.copy(start + step, col, cols, loan.floats(), step * cols);
        ScalarMicroKernel.run(left, start, loan.floats(), 0, cols, 1, length, piece == 0 ? sums : part, 0, cols, count);
        if (piece > 0) ScalarMicroKernel.add(part, sums, 0, cols, count);
      }
    }
    pool.giveBack(part);
  }

  /// Steps `k0 … k0 + steps - 1` of columns `col … col + PANEL - 1` of `weightᵀ`, `[steps][PANEL]`; zeros for missing columns.
  private void panel(Weight weight, int col, int k0, int steps, float[] to) {
    if (weight.layout() == Weight.Layout.PANELS) {
      weight.format().decode(weight.segment(), weight.offset(col, k0), PANEL, steps, to, 0);
      return;
    }
    int cols = Math.min(PANEL, weight.n() - col);
    if (cols < PANEL) Arrays.fill(to, 0, steps * PANEL, 0);
    try (var loan = scratch.borrowArray(steps)) {
      float[] line = loan.floats();
      for (int c = 0; c < cols; c++) {
        weight.format().decode(weight.segment(), weight.offset(col + c, k0), 1, steps, line, 0);
        for (int k = 0; k < steps; k++) to[k * PANEL + c] = line[k];
      }
    }
  }

  /// Applies bias and activation. Like [Epilogue], it adds zeros if there is no bias, and after an activation.
  private void finish(float[][] sums, @Nullable MemorySegment bias, Activation activation, int col, int cols, int count) {
    try (var loan = scratch.borrowArray(sums.length)) {
      float[] b = loan.floats();
      if (bias == null) Arrays.fill(b, 0, cols, 0);
      else MemorySegment.copy(bias, Simd.FLOAT, 4L * col, b, 0, cols);
      for (int j = 0; j < cols; j++) {
        ScalarMath.activate(activation, sums[j], b[j], count);
        if (activation != Activation.NONE) ScalarMath.add(sums[j], 0, count);
      }
    }
  }

  /// Transposes the result back, adds the residual and writes the sum.
  private void write(float[][] sums, @Nullable MemorySegment residual, MemorySegment out, OutRows rows, int row, int count,
      int col, int cols) {
    try (var lines = scratch.borrowArray(2 * cols)) {
      float[] line = lines.floats();
      for (int r = 0; r < count; r++) {
        long to = 4 * (rows.at(row + r) + col);
        gather(sums, r, cols, line);
        if (residual != null) {
          MemorySegment.copy(residual, Simd.FLOAT, to, line, cols, cols);
          for (int j = 0; j < cols; j++) line[j] += line[cols + j];
        }
        MemorySegment.copy(line, 0, out, Simd.FLOAT, to, cols);
      }
    }
  }

  /// Transposes the result back and writes it, times `scale`.
  private void spread(float[][] sums, float scale, Matrices out, int o, int i, int row, int count, int col) {
    int cols = sums.length;
    try (var loan = scratch.borrowArray(cols)) {
      float[] line = loan.floats();
      for (int r = 0; r < count; r++) {
        long to = out.index(o, i, row + r, col);
        gather(sums, r, cols, line);
        for (int j = 0; j < cols; j++) line[j] *= scale;
        if (out.colStride() == 1) MemorySegment.copy(line, 0, out.segment(), Simd.FLOAT, 4 * to, cols);
        else for (int j = 0; j < cols; j++) Simd.put(out.segment(), to + j * out.colStride(), line[j]);
      }
    }
  }
}
