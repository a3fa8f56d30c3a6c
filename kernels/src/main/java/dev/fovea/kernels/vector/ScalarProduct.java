package dev.fovea.kernels.vector;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jetbrains.annotations.Nullable;

/// [Product] in scalar loops. A block of rows of the left operand is transposed, and each task multiplies it by some panels.
final class ScalarProduct implements MatrixProduct {
  private static final int ROWS = ColumnPool.LENGTH, PANEL = Weight.PANEL;
  /// Panels whose results are written together: longer pieces of a row need fewer copies.
  private static final int PANELS = 4;
  /// Columns of the left operand transposed by one task.
  private static final int TRANSPOSED = 128;

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
    ColdStart.count((long) m * weight.n() * k);
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
}
