package dev.fovea.kernels.vector;

import java.util.Arrays;

/// [MicroKernel] in scalar loops over the rows of the left operand, whose columns are separate arrays ([ColumnPool]). As there,
/// each product is summed from the first step to the last.
///
/// Four steps and four columns at once take 8 loads and 4 stores for 16 fmas, apart from `w`. Measured with 256 rows at 256 bit
/// against the FMA peak (`benchmarks/NOTES.md`): 55 %; two columns at once 40 %, eight steps of one column 40 %.
final class ScalarMicroKernel {
  private ScalarMicroKernel() {}

  /// `out[out0 + j][i] = Σₖ x[x0 + k][i] · w[w0 + k · step + j · next]` for `i` in `[0, rows)`, `j` in `[0, columns)` and `k` in
  /// `[0, steps)`.
  static void run(float[][] x, int x0, float[] w, int w0, int step, int next, int steps, float[][] out, int out0, int columns,
      int rows) {
    for (int j = 0; j < columns; j++) Arrays.fill(out[out0 + j], 0, rows, 0);
    int k = 0;
    for (; k + 4 <= steps; k += 4) {
      float[] x1 = x[x0 + k], x2 = x[x0 + k + 1], x3 = x[x0 + k + 2], x4 = x[x0 + k + 3];
      int at = w0 + k * step, j = 0;
      for (; j + 4 <= columns; j += 4)
        fourOfFour(x1, x2, x3, x4, w, at + j * next, step, next, out[out0 + j], out[out0 + j + 1], out[out0 + j + 2],
            out[out0 + j + 3], rows);
      for (; j < columns; j++) four(x1, x2, x3, x4, w, at + j * next, step, out[out0 + j], rows);
    }
    for (; k < steps; k++)
      for (int j = 0; j < columns; j++) one(x[x0 + k], w[w0 + k * step + j * next], out[out0 + j], rows);
  }

  /// Four steps of four columns.
  private static void fourOfFour(float[] x1, float[] x2, float[] x3, float[] x4, float[] w, int at, int step, int next,
      float[] a, float[] b, float[] c, float[] d, int rows) {
    int at2 = at + step, at3 = at2 + step, at4 = at3 + step;
    float a1 = w[at], a2 = w[at2], a3 = w[at3], a4 = w[at4];
    float b1 = w[at + next], b2 = w[at2 + next], b3 = w[at3 + next], b4 = w[at4 + next];
    float c1 = w[at + 2 * next], c2 = w[at2 + 2 * next], c3 = w[at3 + 2 * next], c4 = w[at4 + 2 * next];
    float d1 = w[at + 3 * next], d2 = w[at2 + 3 * next], d3 = w[at3 + 3 * next], d4 = w[at4 + 3 * next];
    for (int i = 0; i < rows; i++) {
      float y1 = x1[i], y2 = x2[i], y3 = x3[i], y4 = x4[i];
      a[i] = Math.fma(a4, y4, Math.fma(a3, y3, Math.fma(a2, y2, Math.fma(a1, y1, a[i]))));
      b[i] = Math.fma(b4, y4, Math.fma(b3, y3, Math.fma(b2, y2, Math.fma(b1, y1, b[i]))));
      c[i] = Math.fma(c4, y4, Math.fma(c3, y3, Math.fma(c2, y2, Math.fma(c1, y1, c[i]))));
      d[i] = Math.fma(d4, y4, Math.fma(d3, y3, Math.fma(d2, y2, Math.fma(d1, y1, d[i]))));
    }
  }

  /// Four steps of one column.
  private static void four(float[] x1, float[] x2, float[] x3, float[] x4, float[] w, int at, int step, float[] a, int rows) {
    float a1 = w[at], a2 = w[at + step], a3 = w[at + 2 * step], a4 = w[at + 3 * step];
    for (int i = 0; i < rows; i++)
      a[i] = Math.fma(a4, x4[i], Math.fma(a3, x3[i], Math.fma(a2, x2[i], Math.fma(a1, x1[i], a[i]))));
  }

  /// One step of one column.
  private static void one(float[] x, float w, float[] a, int rows) {
    for (int i = 0; i < rows; i++) a[i] = Math.fma(w, x[i], a[i]);
  }

  /// `sums[sums0 + j] += part[j]`, column by column.
  static void add(float[][] part, float[][] sums, int sums0, int columns, int rows) {
    for (int j = 0; j < columns; j++) add(part[j], sums[sums0 + j], rows);
  }

  private static void add(float[] part, float[] sum, int rows) {
    for (int i = 0; i < rows; i++) sum[i] += part[i];
  }

  /// `x[j] *= factor`, column by column.
  static void scale(float[][] x, int columns, float[] factor, int rows) {
    for (int j = 0; j < columns; j++) scale(x[j], factor, rows);
  }

  static void scale(float[] x, float[] factor, int rows) {
    for (int i = 0; i < rows; i++) x[i] *= factor[i];
  }
}
