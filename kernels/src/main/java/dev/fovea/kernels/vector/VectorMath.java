package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.all;

import dev.fovea.kernels.Activation;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Exponential, normal distribution and the activations made of them, a vector at a time.
///
/// The Vector API's own `EXP` is fast only where the JDK ships a native vector library; these are fast everywhere.
final class VectorMath {
  private static final float LOG2_E = 1.44269504f;
  /// `ln 2` in two parts; the first has so few bits that its product with an exponent is exact.
  private static final float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
  /// Adding this to a float below 2²² in magnitude leaves the nearest integer in the low bits.
  private static final float ROUND = 0x1.8p23f;
  /// Beyond these, exp is infinity and zero in float32.
  private static final float EXP_MAX = 89f, EXP_MIN = -104.5f;

  /// Where `Φ(-z)` has long become zero in float32.
  private static final float TAIL_END = 14.5f;

  private VectorMath() {}

  /// `eˣ`, by `2ⁿ · eʳ` with `|r| ≤ ln 2 / 2` and a polynomial of degree 6 (relative error 2e-9 before rounding).
  /// Exact at ±∞; NaN stays NaN; results below the smallest normal number are rounded once more.
  static FloatVector exp(FloatVector x) {
    x = x.max(EXP_MIN).min(EXP_MAX);
    var shifted = x.fma(all(LOG2_E), all(ROUND));
    var n = shifted.sub(ROUND);
    var r = n.fma(all(-LN2_HIGH), x);
    r = n.fma(all(-LN2_LOW), r);
    var p = r.fma(all(0.0013836832f), all(0.008374824f));
    p = p.fma(r, all(0.041668225f));
    p = p.fma(r, all(0.1666642f));
    p = p.fma(r, all(0.4999999f));
    p = p.fma(r, all(1f));
    p = p.fma(r, all(1f));
    // 2ⁿ as two factors, for n = 128 and n < -126 fit in no single float.
    var exponent = shifted.reinterpretAsInts().sub(all(Float.floatToRawIntBits(ROUND)));
    var half = exponent.lanewise(VectorOperators.ASHR, 1);
    var low = half.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    var high = exponent.sub(half).add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    return p.mul(low).mul(high);
  }

  /// `Φ(x) = (1 + erf(x / √2)) / 2` without cancellation in the lower tail.
  ///
  /// `Φ(-z) = exp(-z²/2) · R(z)`, where `R`, half the scaled complementary error function, is a polynomial of degree 10 in
  /// `1 / (1 + 0.4 z)` (fitted; relative error 1.1e-8). The rounding error of `z²` is carried into the exponential.
  private static FloatVector normal(FloatVector x) {
    var z = x.abs().min(TAIL_END);
    var t = all(1f).div(z.fma(all(0.4f), all(1f)));
    var p = t.fma(all(0.029192364f), all(-0.1598456f));
    p = p.fma(t, all(0.34079048f));
    p = p.fma(t, all(-0.31592578f));
    p = p.fma(t, all(0.068138212f));
    p = p.fma(t, all(0.0029909143f));
    p = p.fma(t, all(0.079840153f));
    p = p.fma(t, all(0.13603017f));
    p = p.fma(t, all(0.15917498f));
    p = p.fma(t, all(0.15961564f));
    p = p.fma(t, all(-1.4849396e-6f));
    var square = z.mul(z);
    var lost = z.fma(z, square.neg());
    var e = exp(square.mul(-0.5f));
    var tail = e.fma(lost.mul(-0.5f), e).mul(p);
    return tail.blend(all(1f).sub(tail), x.compare(VectorOperators.GT, 0f));
  }

  /// `x / (1 + exp(-a))`: `x · σ(a)`.
  private static FloatVector gated(FloatVector x, FloatVector a) {
    return x.div(exp(a.neg()).add(1f));
  }

  static FloatVector activate(Activation activation, FloatVector x) {
    return switch (activation) {
      case NONE -> x;
      case GELU -> x.mul(normal(x));
      // (1 + tanh(u)) / 2 = σ(2u)
      case GELU_TANH -> gated(x, x.mul(x).fma(all(0.044715f), all(1f)).mul(x).mul(1.5957691f));
      case QUICK_GELU -> gated(x, x.mul(1.702f));
      case SILU -> gated(x, x);
      case RELU -> x.max(0f);
    };
  }
}
