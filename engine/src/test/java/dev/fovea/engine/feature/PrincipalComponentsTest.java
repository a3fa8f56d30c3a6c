package dev.fovea.engine.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrincipalComponentsTest {
  /// Points at ±3, ±2 and ±1 along the axes (2, 2, 1)/3, (-2, 1, 2)/3 and (1, -2, 2)/3, around (5, 6, 7): the covariance is
  /// known, its eigenvalues are 18/6, 8/6 and 2/6.
  @Test
  void aKnownDecomposition() {
    double[][] axes = {{2 / 3.0, 2 / 3.0, 1 / 3.0}, {-2 / 3.0, 1 / 3.0, 2 / 3.0}, {1 / 3.0, -2 / 3.0, 2 / 3.0}};
    var features = new float[18];
    for (int i = 0; i < 6; i++)
      for (int c = 0; c < 3; c++) features[3 * i + c] = (float) (5 + c + (i % 2 == 0 ? 1 : -1) * (3 - i / 2) * axes[i / 2][c]);
    var found = PrincipalComponents.of(features, 3, 5);
    assertThat(found.mean()).containsExactly(new double[] {5, 6, 7}, within(1e-6));
    assertThat(found.variances()).containsExactly(new double[] {3, 4 / 3.0, 1 / 3.0}, within(1e-6));
    // Each axis has its largest coefficient positive; of two as large, rounding decides.
    for (int k = 0; k < 3; k++) {
      double sign = Math.signum(found.axes()[k][0] * axes[k][0]);
      for (int c = 0; c < 3; c++) assertThat(found.axes()[k][c]).isCloseTo(sign * axes[k][c], within(1e-6));
    }
    var along = found.project(features);
    assertThat(Math.abs(along[0][0])).isCloseTo(3, within(1e-6));
    assertThat(along[1][0]).isCloseTo(-along[0][0], within(1e-6));
    assertThat(along[2][0]).isCloseTo(0, within(1e-6));
  }

  /// Against the full covariance and Jacobi's method on all of it.
  @ParameterizedTest
  @CsvSource({"200, 48, 3", "20, 48, 3", "500, 96, 1", "7, 5, 5", "3, 30, 3"})
  void theFirstEigenvectorsOfTheCovariance(int n, int channels, int count) {
    var random = new Random(7);
    var features = new float[n * channels];
    for (int i = 0; i < features.length; i++) features[i] = (float) (random.nextGaussian() / (1 + i % channels) + 3);
    var found = PrincipalComponents.of(features, channels, count);
    var covariance = covariance(features, channels);
    var all = SymmetricEigen.of(covariance);
    double scale = all.values()[0];
    for (int k = 0; k < count; k++) {
      assertThat(found.variances()[k]).isCloseTo(all.values()[k], within(1e-9 * scale));
      for (int c = 0; c < channels; c++) {
        double mapped = 0;
        for (int d = 0; d < channels; d++) mapped += covariance[c][d] * found.axes()[k][d];
        assertThat(mapped).isCloseTo(found.variances()[k] * found.axes()[k][c], within(1e-9 * scale));
      }
      for (int j = 0; j <= k; j++) assertThat(dot(found.axes()[j], found.axes()[k])).isCloseTo(j == k ? 1 : 0, within(1e-12));
      var axis = found.axes()[k];
      assertThat(Arrays.stream(axis).max().orElseThrow()).as("sign").isGreaterThanOrEqualTo(-Arrays.stream(axis).min().orElseThrow());
    }
    assertThat(PrincipalComponents.of(features, channels, count).axes()).isDeepEqualTo(found.axes());
  }

  private static double[][] covariance(float[] features, int channels) {
    int n = features.length / channels;
    var mean = new double[channels];
    for (int i = 0; i < features.length; i++) mean[i % channels] += (double) features[i] / n;
    var covariance = new double[channels][channels];
    for (int i = 0; i < n; i++)
      for (int c = 0; c < channels; c++)
        for (int d = 0; d < channels; d++)
          covariance[c][d] += (features[i * channels + c] - mean[c]) * (features[i * channels + d] - mean[d]) / n;
    return covariance;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) sum += a[i] * b[i];
    return sum;
  }

  /// The eigenvalues of [[2, 1], [1, 2]] are 3 and 1, of the second difference matrix 2 - 2 cos(i π / (n + 1)).
  @Test
  void eigenvaluesOfKnownMatrices() {
    assertThat(SymmetricEigen.of(new double[][] {{2, 1}, {1, 2}}).values()).containsExactly(new double[] {3, 1}, within(1e-14));
    int n = 9;
    var matrix = new double[n][n];
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) matrix[i][j] = i == j ? 2 : Math.abs(i - j) == 1 ? -1 : 0;
    var eigen = SymmetricEigen.of(matrix);
    for (int i = 0; i < n; i++) assertThat(eigen.values()[i]).isCloseTo(2 - 2 * Math.cos((n - i) * Math.PI / (n + 1)), within(1e-13));
  }

  @Test
  void featuresThatDoNotVary() {
    var found = PrincipalComponents.of(new float[] {1, 2, 1, 2, 1, 2}, 2, 3);
    assertThat(found.variances()).containsExactly(0, 0);
    assertThat(found.project(new float[] {1, 2})).isDeepEqualTo(new double[][] {{0, 0}});
    assertThat(PrincipalComponents.of(new float[40], 20, 3).axes()).hasDimensions(3, 20);
  }

  @Test
  void whatIsNoMatrixOfNumbers() {
    assertThatThrownBy(() -> PrincipalComponents.of(new float[5], 2, 1)).hasMessageContaining("of 2 channels, got 5 values");
    assertThatThrownBy(() -> PrincipalComponents.of(new float[0], 2, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> PrincipalComponents.of(new float[] {1, Float.NaN}, 1, 1)).hasMessageContaining("not finite");
  }
}
