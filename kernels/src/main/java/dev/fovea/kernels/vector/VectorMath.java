package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Exponential and activations, a vector at a time. The Vector API's own `EXP` is fast only where the JDK ships a native
/// vector library; these are fast everywhere.
///
/// Errors are in ulps of the float32 result, subnormal results included: the largest measured over a third of all floats
/// (over fewer below 1e-4, where nothing changes but the exponent). `VectorMathTest` holds them below 4. NaN gives NaN;
/// infinities give what the formula gives.
///
/// | | formula | error |
/// |---|---|---|
/// | `exp` | `eˣ`, `x ≤ 0` | 0.9 |
/// | `gelu` | `x · Φ(x)` | 3.9 |
/// | `geluTanh` | `x · σ(√(8/π) · (x + 0.044715 x³))` | 3.2 |
/// | `quickGelu` | `x · σ(1.702 x)` | 3.4 |
/// | `silu` | `x · σ(x)` | 3.3 |
///
/// Constants are written out as broadcasts, for C2 inlines no methods but the JDK's own into a loop of more than 18,000
/// nodes, and a vector handed to a method that is not inlined is boxed. [#gelu] is that long. Its one helper is called first.
final class VectorMath {
  private static final float LOG2_E = 1.44269504f;
  /// `ln 2` as a float, by luck right to 2⁻²⁹, and what it lacks.
  private static final float LN2 = 0.693147182f, LN2_REST = -1.90465421e-9f;
  /// Exponentials are made 2³² times too large, so that only the last multiplication, by this, meets subnormal numbers.
  private static final float DROP = 0x1p-32f;
  /// Adding this to a float below 2²² in magnitude leaves the nearest integer, 32 more, in the low bits.
  private static final float ROUND = 0x1.8p23f + 32;
  /// The same and 127 more, so that the low bits are the exponent field of a power of two.
  private static final float ROUND_BIASED = ROUND + 127;
  /// Here the exponent field has become zero and [#lifted] is exactly zero, as is `x · eˣ` in float32.
  private static final float EXP_END = -110.3f;
  /// The magnitudes, as bits, at which each activation's exponent reaches that end. Floats without sign order as integers
  /// do; a float minimum costs six instructions on x86.
  private static final int SILU_END = Float.floatToRawIntBits(110.3f), QUICK_GELU_END = Float.floatToRawIntBits(64.8f),
      GELU_TANH_END = Float.floatToRawIntBits(10.92f);
  /// About `1/√2π`.
  private static final float K = 0.3989412f;
  /// Where `z · Φ(-z)` has become zero in float32.
  private static final int GELU_END = Float.floatToRawIntBits(14.5f);

  private VectorMath() {}

  /// `eˣ` for `x ≤ 0`, as softmax needs it.
  static FloatVector exp(FloatVector x) {
    var y = x.blend(EXP_END, x.compare(VectorOperators.LT, EXP_END));
    var shifted = y.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUND_BIASED));
    var n = shifted.sub(ROUND_BIASED);
    var r = n.fma(FloatVector.broadcast(F, -LN2), y);
    return lifted(shifted, n.fma(FloatVector.broadcast(F, -LN2_REST), r)).mul(DROP);
  }

  /// `eˣ⁻ᵐ` for `x ≤ m`. What the difference's rounding loses is made good, for the exponential makes an absolute error a
  /// relative one: at `x - m = -6` four ulps, at -80 sixty.
  static FloatVector exp(FloatVector x, float m) {
    var difference = x.sub(m);
    var back = difference.sub(x);
    var rest = x.sub(difference.sub(back)).sub(back.add(m));
    var end = difference.compare(VectorOperators.LT, EXP_END);
    var y = difference.blend(EXP_END, end);
    var shifted = y.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUND_BIASED));
    var n = shifted.sub(ROUND_BIASED);
    var r = n.fma(FloatVector.broadcast(F, -LN2), y);
    return lifted(shifted, n.fma(FloatVector.broadcast(F, -LN2_REST), r).add(rest.blend(0f, end))).mul(DROP);
  }

  /// `2ⁿ⁺³² · eʳ` with `|r| ≤ ln 2 / 2`, where `shifted` holds `n`. The polynomial's own error is 3e-9.
  private static FloatVector lifted(FloatVector shifted, FloatVector r) {
    var p = r.fma(FloatVector.broadcast(F, 0.0013820734f), FloatVector.broadcast(F, 0.008368677f));
    p = p.fma(r, FloatVector.broadcast(F, 0.041668266f));
    p = p.fma(r, FloatVector.broadcast(F, 0.16666521f));
    p = p.fma(r, FloatVector.broadcast(F, 0.49999994f));
    p = p.fma(r, FloatVector.broadcast(F, 1f));
    p = p.fma(r, FloatVector.broadcast(F, 1f));
    return p.mul(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
  }

  /// `x · Φ(x) = max(x, 0) - z · Φ(-z)` with `z = |x|`, and `Φ(-z) = k · exp(-z²/2) · P(z) / Q(z)` with `k` about `1/√2π` and
  /// polynomials of degrees 4 and 5, fitted over [0, 14.5]; the quotient's own error is 1.9e-8. `Q` is written as
  /// `z P + (2k P + z U)`: so most of `P`'s rounding errors cancel, and `Φ(0)` is exactly 1/2. The last multiplication and
  /// the difference are one fma.
  static FloatVector gelu(FloatVector x) {
    var z = x.abs().reinterpretAsInts().min(GELU_END).reinterpretAsFloats();
    var e = gauss(z);
    var p = z.add(9.3889475f);
    p = p.fma(z, FloatVector.broadcast(F, 40.766544f));
    p = p.fma(z, FloatVector.broadcast(F, 94.385f));
    p = p.fma(z, FloatVector.broadcast(F, 103.129074f));
    var u = z.fma(FloatVector.broadcast(F, -0.7978768f), FloatVector.broadcast(F, -6.4950852f));
    u = u.fma(z, FloatVector.broadcast(F, -23.056793f));
    u = u.fma(z, FloatVector.broadcast(F, -37.475185f));
    // x - x is zero, but NaN for -∞, whose Φ is zero.
    var ramp = x.sub(x, x.compare(VectorOperators.LT, 0f));
    var q = p.fma(z, p.fma(FloatVector.broadcast(F, 2 * K), u.mul(z)));
    return p.div(q).mul(-DROP).fma(z.mul(e), ramp);
  }

  /// `2³² · k · exp(-z²/2)`. `z²` is carried in two floats. That
  /// [#LN2] is not quite `ln 2` multiplies this by `exp(1.4e-9 z²)`, which `P` and `Q` make good.
  private static FloatVector gauss(FloatVector z) {
    var square = z.mul(z);
    var lost = z.fma(z, square.neg());
    var shifted = square.fma(FloatVector.broadcast(F, -LOG2_E / 2), FloatVector.broadcast(F, ROUND));
    var r = shifted.sub(ROUND).fma(FloatVector.broadcast(F, 2 * LN2), square).add(lost);
    var p = r.fma(FloatVector.broadcast(F, 8.6055015e-6f), FloatVector.broadcast(F, -1.0433031e-4f));
    p = p.fma(r, FloatVector.broadcast(F, 0.0010389569f));
    p = p.fma(r, FloatVector.broadcast(F, -0.008311203f));
    p = p.fma(r, FloatVector.broadcast(F, 0.04986764f));
    p = p.fma(r, FloatVector.broadcast(F, -0.1994706f));
    p = p.fma(r, FloatVector.broadcast(F, K));
    return p.reinterpretAsInts().add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23)).reinterpretAsFloats();
  }

  static FloatVector silu(FloatVector x) {
    var z = x.abs().reinterpretAsInts().min(SILU_END).reinterpretAsFloats();
    return gated(x, z, FloatVector.zero(F));
  }

  static FloatVector quickGelu(FloatVector x) {
    var z = x.abs().reinterpretAsInts().min(QUICK_GELU_END).reinterpretAsFloats();
    var a = z.mul(1.702f);
    var rest = z.fma(FloatVector.broadcast(F, 1.702f), a.neg());
    return gated(x, a, z.fma(FloatVector.broadcast(F, -2.193451e-8f), rest));
  }

  /// By `(1 + tanh u) / 2 = σ(2u)`.
  static FloatVector geluTanh(FloatVector x) {
    var z = x.abs().reinterpretAsInts().min(GELU_TANH_END).reinterpretAsFloats();
    // √(8/π) and 0.044715 √(8/π), and with each sum and product what its rounding lost: 2u is as large as 110, and its
    // absolute error becomes the result's relative one.
    var linear = FloatVector.broadcast(F, 1.5957692f);
    var cubic = FloatVector.broadcast(F, 0.071354814f);
    var square = z.mul(z);
    var term = square.mul(cubic);
    var factor = term.add(linear);
    var rest = square.fma(cubic, term.neg());
    rest = z.fma(z, square.neg()).fma(cubic, rest);
    var back = factor.sub(term);
    rest = rest.add(linear.sub(back)).add(term.sub(factor.sub(back)));
    rest = square.fma(FloatVector.broadcast(F, 2.3988325e-9f), rest).add(-4.534068e-8f);
    var a = z.mul(factor);
    return gated(x, a, rest.fma(z, z.fma(factor, a.neg())));
  }

  /// `x · σ(±(a + rest))` with the sign of `x`, where `a ≥ 0` is at most what makes [#lifted] zero.
  private static FloatVector gated(FloatVector x, FloatVector a, FloatVector rest) {
    var shifted = a.fma(FloatVector.broadcast(F, -LOG2_E), FloatVector.broadcast(F, ROUND_BIASED));
    var n = shifted.sub(ROUND_BIASED);
    var r = n.fma(FloatVector.broadcast(F, -LN2), a.neg());
    var e = lifted(shifted, n.fma(FloatVector.broadcast(F, -LN2_REST), r).sub(rest));
    var negative = x.compare(VectorOperators.LT, 0f);
    var y = x.mul(e, negative).div(e.fma(FloatVector.broadcast(F, DROP), FloatVector.broadcast(F, 1f)));
    return y.mul(DROP, negative);
  }
}
