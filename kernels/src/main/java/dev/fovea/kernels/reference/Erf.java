package dev.fovea.kernels.reference;

/// The cumulative distribution function of the normal distribution in double precision.
///
/// Computed near zero by the Taylor series of erf, elsewhere by the continued fraction of erfc; both converge to the last bits of a
/// double (Abramowitz and Stegun, 7.1.5 and 7.1.14). The JDK has no erf.
public final class Erf {
  private static final double SERIES_BELOW = 1.5;
  private static final int FRACTION_TERMS = 120;

  private Erf() {}

  /// `Φ(x) = erfc(-x / √2) / 2` of a float `x`, with a relative error below 1e-14 in both tails.
  public static double normal(double x) {
    double z = Math.abs(x) / Math.sqrt(2);
    if (Double.isNaN(x)) return x;
    // For a float, x² is exact in double; z² is not, and the exponential would multiply its error by z².
    double tail = z < SERIES_BELOW ? (1 - series(z)) / 2 : Math.exp(-x * x / 2) * fraction(z) / 2;
    return x < 0 ? tail : 1 - tail;
  }

  /// `erf(z) = 2/√π · Σ (-1)ⁿ z²ⁿ⁺¹ / (n! (2n+1))`.
  private static double series(double z) {
    double term = z, sum = z;
    for (int n = 1; Math.abs(term) > 1e-18 * sum; n++) {
      term *= -z * z / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }

  /// `exp(z²) · erfc(z) = 1/√π · 1/(z + (1/2)/(z + 1/(z + (3/2)/(z + …))))`.
  private static double fraction(double z) {
    double below = z;
    for (int n = FRACTION_TERMS; n > 0; n--) below = z + n / 2.0 / below;
    return 1 / (Math.sqrt(Math.PI) * below);
  }
}
