package dev.fovea.kernels.tornado;

import dev.fovea.kernels.Activation;
import uk.ac.manchester.tornado.api.math.TornadoMath;

/// The non-linearities of [Activation], by ordinal, in float32. None depends on a special function but `exp` and `log`, whose
/// accuracy differs less between devices than that of others.
final class Activations {
  static final int NONE = 0;
  static final int GELU = 1;
  static final int GELU_TANH = 2;
  static final int QUICK_GELU = 3;
  static final int SILU = 4;
  static final int RELU = 5;
  static final int TANH = 6;
  static final int SIGMOID = 7;
  static final int LOGIT = 8;

  /// `√(8 / π)`.
  private static final float SQRT_8_OVER_PI = 1.5957692f;
  /// About `1 / √2π`.
  private static final float K = 0.3989412f;
  /// A `z` for which `z · Φ(-z)` is zero in float32.
  private static final float GELU_END = 14.5f;
  private static final float SMALL_TANH = 0.25f;
  private static final float LEAST_SHARE = 1e-5f;

  private Activations() {}

  /// `activation(x)`; NaN stays NaN.
  static float apply(int activation, float x) {
    float y = x;
    if (activation == GELU) y = gelu(x);
    // (1 + tanh u) / 2 = σ(2u), which does not cancel where tanh is near -1.
    if (activation == GELU_TANH) y = gated(x, SQRT_8_OVER_PI * (x + 0.044715f * x * x * x));
    if (activation == QUICK_GELU) y = gated(x, 1.702f * x);
    if (activation == SILU) y = gated(x, x);
    if (activation == RELU) y = x < 0 ? 0 : x;
    if (activation == TANH) y = tanh(x);
    if (activation == SIGMOID) y = 1 / (1 + TornadoMath.exp(-x));
    if (activation == LOGIT) y = logit(x);
    return y;
  }

  /// `x · Φ(x) = max(x, 0) - z · Φ(-z)` with `z = |x|`, and `Φ(-z) = k · exp(-z² / 2) · P(z) / Q(z)` with polynomials fitted over
  /// [0, 14.5], for which `Φ(0)` is exactly 1/2 (ref: `VectorMath` of the SIMD kernels).
  static float gelu(float x) {
    float magnitude = x < 0 ? -x : x;
    float z = magnitude > GELU_END ? GELU_END : magnitude;
    float p = (((z + 9.3889475f) * z + 40.766544f) * z + 94.385f) * z + 103.129074f;
    float u = ((-0.7978768f * z - 6.4950852f) * z - 23.056793f) * z - 37.475185f;
    float q = p * z + (p * 2 * K + u * z);
    float tail = z * (K * TornadoMath.exp(-0.5f * z * z)) * (p / q);
    // x - x is zero, but NaN for -∞, as -∞ · Φ(-∞) is.
    return (x < 0 ? x - x : x) - tail;
  }

  /// `x · σ(u)`.
  private static float gated(float x, float u) {
    return x / (1 + TornadoMath.exp(-u));
  }

  /// By its series near zero, where `1 - 2 / (exp(2x) + 1)` would cancel.
  private static float tanh(float x) {
    float magnitude = x < 0 ? -x : x, square = x * x;
    float large = 1 - 2 / (TornadoMath.exp(2 * magnitude) + 1);
    float small = x * (1 - square * (0.33333334f - square * (0.13333334f - square * (0.053968254f - square * 0.021869488f))));
    return magnitude < SMALL_TANH ? small : x < 0 ? -large : large;
  }

  /// `ln(x / (1 - x))`, both clamped: `1 - x` is exact where it is small.
  private static float logit(float x) {
    float rest = 1 - x;
    float above = x < LEAST_SHARE ? LEAST_SHARE : rest < LEAST_SHARE ? 1 - LEAST_SHARE : x;
    float below = rest < LEAST_SHARE ? LEAST_SHARE : x < LEAST_SHARE ? 1 - LEAST_SHARE : rest;
    return TornadoMath.log(above / below);
  }
}
