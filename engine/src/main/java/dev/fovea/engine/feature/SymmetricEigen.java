package dev.fovea.engine.feature;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/// The eigenvalues of a small symmetric matrix, largest first, and its eigenvectors of length 1.
///
/// @param values `[q]`
/// @param vectors `[q][q]`, one vector per row
record SymmetricEigen(double[] values, double[][] vectors) {
  private static final int MAX_SWEEPS = 60;

  /// Jacobi's method: rotations in the plane of two axes make their off-diagonal element 0, until the matrix is diagonal (Golub and
  /// Van Loan, "Matrix Computations", 8.5).
  static SymmetricEigen of(double[][] matrix) {
    int n = matrix.length;
    var a = new double[n][];
    var vectors = new double[n][n];
    for (int i = 0; i < n; i++) {
      a[i] = matrix[i].clone();
      vectors[i][i] = 1;
    }
    // Rotations would never remove an asymmetry left by rounding.
    for (int i = 0; i < n; i++) for (int j = 0; j < i; j++) a[i][j] = a[j][i] = (matrix[i][j] + matrix[j][i]) / 2;
    for (int sweep = 0; sweep < MAX_SWEEPS && !isDiagonal(a); sweep++)
      for (int p = 0; p < n; p++) for (int q = p + 1; q < n; q++) if (a[p][q] != 0) turn(a, vectors, p, q);
    var order = IntStream.range(0, n).boxed().sorted(Comparator.comparingDouble(i -> -a[i][i])).toList();
    return new SymmetricEigen(order.stream().mapToDouble(i -> a[i][i]).toArray(),
        order.stream().map(i -> vectors[i]).toArray(double[][]::new));
  }

  private static boolean isDiagonal(double[][] a) {
    double beside = 0, all = 0;
    for (int i = 0; i < a.length; i++)
      for (int j = 0; j < a.length; j++) {
        all += a[i][j] * a[i][j];
        if (i != j) beside += a[i][j] * a[i][j];
      }
    return beside <= 1e-32 * all;
  }

  private static void turn(double[][] a, double[][] vectors, int p, int q) {
    double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    double t = Math.copySign(1, theta) / (Math.abs(theta) + Math.hypot(theta, 1));
    double cos = 1 / Math.hypot(t, 1), sin = t * cos;
    for (var row : a) {
      double x = row[p], y = row[q];
      row[p] = cos * x - sin * y;
      row[q] = sin * x + cos * y;
    }
    for (var rows : Arrays.asList(a, vectors))
      for (int k = 0; k < a.length; k++) {
        double x = rows[p][k], y = rows[q][k];
        rows[p][k] = cos * x - sin * y;
        rows[q][k] = sin * x + cos * y;
      }
  }
}
