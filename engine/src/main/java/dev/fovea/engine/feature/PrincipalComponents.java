package dev.fovea.engine.feature;

import java.util.Arrays;
import java.util.Objects;
import java.util.SplittableRandom;

/// Principal components of features: the leading eigenvectors of their covariance.
///
/// Computed by subspace iteration with a Rayleigh–Ritz step (Golub and Van Loan, "Matrix Computations", 8.2 and 10.1), in double
/// precision and from a fixed start, so that equal features give equal bits. The sign of a component is arbitrary; here its
/// coefficient of the largest magnitude is positive.
///
/// Shapes: n features, C channels, k components.
///
/// @param mean of each channel, `[C]`
/// @param axes orthonormal, in order of decreasing variance: `[k][C]`
/// @param variances along the axes, `[k]`
public record PrincipalComponents(double[] mean, double[][] axes, double[] variances) {
  /// Additional directions in the iteration, for faster convergence of the wanted ones.
  private static final int EXTRA = 8;
  private static final int MAX_STEPS = 300;
  /// Largest residual at convergence, relative to the largest eigenvalue.
  private static final double RESIDUAL = 1e-10;

  public PrincipalComponents {
    Objects.requireNonNull(mean, "mean");
    Objects.requireNonNull(axes, "axes");
    Objects.requireNonNull(variances, "variances");
  }

  /// The first `count` components, or as many as there are channels.
  ///
  /// @param features `[n, C]`
  /// @throws IllegalArgumentException if `channels` or `count` is not positive, or `features` is no such matrix or not finite
  public static PrincipalComponents of(float[] features, int channels, int count) {
    if (channels < 1 || count < 1 || features.length == 0 || features.length % channels != 0)
      throw new IllegalArgumentException("principal components: expected features of " + channels + " channels, got "
          + features.length + " values");
    var mean = mean(features, channels);
    if (!Arrays.stream(mean).allMatch(Double::isFinite))
      throw new IllegalArgumentException("principal components: the features are not finite");
    int wanted = Math.min(count, channels);
    var basis = orthonormal(start(Math.min(wanted + EXTRA, channels), channels));
    for (int step = 0; ; step++) {
      var image = covarianceTimes(features, mean, basis);
      var eigen = SymmetricEigen.of(products(basis, image));
      var axes = combine(eigen.vectors(), basis);
      var mapped = combine(eigen.vectors(), image);
      if (step == MAX_STEPS || worstResidual(axes, mapped, eigen.values(), wanted) <= RESIDUAL * Math.abs(eigen.values()[0]))
        return new PrincipalComponents(mean, signed(Arrays.copyOf(axes, wanted)), Arrays.copyOf(eigen.values(), wanted));
      basis = orthonormal(mapped);
    }
  }

  /// Projects features, minus the mean, onto the axes: `[n, C]` → `[n][k]`.
  public double[][] project(float[] features) {
    int channels = mean.length;
    var out = new double[features.length / channels][axes.length];
    for (int i = 0; i < out.length; i++)
      for (int k = 0; k < axes.length; k++)
        for (int c = 0; c < channels; c++) out[i][k] += (features[i * channels + c] - mean[c]) * axes[k][c];
    return out;
  }

  private static double[] mean(float[] features, int channels) {
    var mean = new double[channels];
    for (int i = 0; i < features.length; i++) mean[i % channels] += features[i];
    int n = features.length / channels;
    for (int c = 0; c < channels; c++) mean[c] /= n;
    return mean;
  }

  private static double[][] start(int count, int channels) {
    var random = new SplittableRandom(1);
    var start = new double[count][channels];
    for (var row : start) Arrays.setAll(row, _ -> random.nextDouble(-1, 1));
    return start;
  }

  /// The covariance times each row of `basis`, `[q][C]`, without forming the covariance matrix.
  private static double[][] covarianceTimes(float[] features, double[] mean, double[][] basis) {
    int channels = mean.length, n = features.length / channels;
    var out = new double[basis.length][channels];
    var centered = new double[channels];
    for (int i = 0; i < n; i++) {
      for (int c = 0; c < channels; c++) centered[c] = features[i * channels + c] - mean[c];
      for (int q = 0; q < basis.length; q++) addScaled(out[q], dot(basis[q], centered) / n, centered);
    }
    return out;
  }

  /// Dot products of every row of `a` with every row of `b`.
  private static double[][] products(double[][] a, double[][] b) {
    var out = new double[a.length][b.length];
    for (int i = 0; i < a.length; i++) for (int j = 0; j < b.length; j++) out[i][j] = dot(a[i], b[j]);
    return out;
  }

  /// Row i is the sum of the rows weighted by `weights[i]`.
  private static double[][] combine(double[][] weights, double[][] rows) {
    var out = new double[weights.length][rows[0].length];
    for (int i = 0; i < weights.length; i++) for (int j = 0; j < rows.length; j++) addScaled(out[i], weights[i][j], rows[j]);
    return out;
  }

  private static double worstResidual(double[][] axes, double[][] mapped, double[] values, int wanted) {
    double worst = 0;
    for (int k = 0; k < wanted; k++) {
      var rest = mapped[k].clone();
      addScaled(rest, -values[k], axes[k]);
      worst = Math.max(worst, Math.sqrt(dot(rest, rest)));
    }
    return worst;
  }

  /// Gram–Schmidt, applied twice because one pass loses orthogonality. A row that depends linearly on earlier rows is replaced by
  /// an independent unit vector.
  private static double[][] orthonormal(double[][] rows) {
    for (int i = 0; i < rows.length; i++) {
      double before = Math.sqrt(dot(rows[i], rows[i]));
      double length = straighten(rows, i);
      for (int unit = 0; !(length > 1e-12 * before) || length < Double.MIN_NORMAL; unit++) {
        rows[i] = new double[rows[i].length];
        rows[i][unit] = before = 1;
        length = straighten(rows, i);
      }
      for (int c = 0; c < rows[i].length; c++) rows[i][c] /= length;
    }
    return rows;
  }

  /// Subtracts from row `i` its projections onto the earlier rows; returns the remaining length.
  private static double straighten(double[][] rows, int i) {
    for (int pass = 0; pass < 2; pass++)
      for (int j = 0; j < i; j++) addScaled(rows[i], -dot(rows[j], rows[i]), rows[j]);
    return Math.sqrt(dot(rows[i], rows[i]));
  }

  private static double[][] signed(double[][] axes) {
    for (var axis : axes) {
      int largest = 0;
      for (int c = 1; c < axis.length; c++) if (Math.abs(axis[c]) > Math.abs(axis[largest])) largest = c;
      if (axis[largest] < 0) for (int c = 0; c < axis.length; c++) axis[c] = -axis[c];
    }
    return axes;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int c = 0; c < a.length; c++) sum += a[c] * b[c];
    return sum;
  }

  private static void addScaled(double[] to, double factor, double[] from) {
    for (int c = 0; c < to.length; c++) to[c] += factor * from[c];
  }
}
