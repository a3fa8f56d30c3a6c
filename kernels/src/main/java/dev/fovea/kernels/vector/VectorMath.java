package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.I;
import static dev.fovea.kernels.vector.Simd.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Exponential and activations, in place on a range of an array. The Vector API's own `EXP` is fast only if the JDK includes a
/// native vector library; these are always fast.
///
/// Errors are in ulps of the float32 result, including subnormal results: the largest measured over a third of all floats (over
/// fewer below 1e-4, where only the exponent changes). `VectorMathTest` checks that they are below 4. NaN gives NaN; for
/// infinities, the formula holds. All ranges are extended to whole vectors.
///
/// | | formula | error |
/// |---|---|---|
/// | `expOfDifference` | `eˣ⁻ᵐ`, `x ≤ m` | 0.9 |
/// | `weights` | the same | 2⁻²³ absolute |
/// | `gelu` | `x · Φ(x)` | 3.9 |
/// | `geluTanh` | `x · σ(√(8/π) · (x + 0.044715 x³))` | 3.2 |
/// | `quickGelu` | `x · σ(1.702 x)` | 3.4 |
/// | `silu` | `x · σ(x)` | 3.3 |
///
/// Each loop is written out, without calls of methods of this module, and with constants as broadcasts. C2 does not inline such a
/// call if the callee is too large or already compiled separately, or after 18,000 nodes, which depends on the code run before; its
/// vector arguments are then boxed, and the loop is five to ten times slower (`benchmarks/NOTES.md`). The JDK's own methods are
/// always inlined.
final class VectorMath {
  private static final float LOG2_E = 1.44269504f;
  /// `ln 2` as a float, accurate to about 2⁻²⁹, and the remainder.
  private static final float LN2 = 0.693147182f, LN2_REST = -1.90465421e-9f;
  /// Exponentials are computed 2³² times too large, so that only the last multiplication, by this, can yield subnormal numbers.
  private static final float DROP = 0x1p-32f;
  /// Added to a float below 2²² in magnitude, this leaves the nearest integer plus 32 in the low bits.
  private static final float ROUND = 0x1.8p23f + 32;
  /// The same plus 127, so that the low bits are the exponent field of a power of two.
  private static final float ROUND_BIASED = ROUND + 127;
  /// The same for exponentials without the factor 2³².
  private static final float ROUND_WEIGHT = 0x1.8p23f + 127;
  /// The argument at which that exponent field becomes zero; there `x · eˣ` is zero in float32.
  private static final float EXP_END = -110.3f;
  /// An argument whose exponential is small but not subnormal.
  private static final float WEIGHT_END = -87.3f;
  /// Coefficients of `eʳ` for `|r| ≤ ln 2 / 2`, from the highest power down; the error of the polynomial is 3e-9.
  private static final float E6 = 0.0013820734f, E5 = 0.008368677f, E4 = 0.041668266f, E3 = 0.16666521f, E2 = 0.49999994f;
  /// About `1/√2π`.
  private static final float K = 0.3989412f;
  /// The bits of a `z` for which `z · Φ(-z)` is zero in float32. Non-negative floats have the order of their bits as integers; a
  /// float minimum takes six instructions on x86.
  private static final int GELU_END = Float.floatToRawIntBits(14.5f);

  /// Floats summed before their sum is added to the total.
  static final int BLOCK = 8 * LANES;

  private VectorMath() {}

  /// `s = exp(s - max)`, where `max` is the largest number or more; adds the results, lane by lane, to the vector at `sum`.
  ///
  /// The rounding error of the difference is compensated, because the exponential turns an absolute error into a relative one: four
  /// ulps at `s - max = -6`, sixty at -80. So is that of the sum (Kahan's sum): a long chain of equal terms always rounds in the
  /// same direction, and a sum of 3,072 of them may be off by ten ulps.
  static void expOfDifference(float[] s, int from, int to, float max, int sum) {
    FloatVector total = FloatVector.fromArray(F, s, sum), lost = FloatVector.zero(F);
    for (int block = from; block < to; block += BLOCK) {
      var part = FloatVector.zero(F);
      for (int i = block, last = Math.min(to, block + BLOCK); i < last; i += LANES) {
        var x = FloatVector.fromArray(F, s, i);
        var difference = x.sub(max);
        var back = difference.sub(x);
        var rest = x.sub(difference.sub(back)).sub(back.add(max));
        var end = difference.compare(VectorOperators.LT, EXP_END);
        var y = difference.blend(EXP_END, end);
        // 2ⁿ · eʳ, with n in the low bits of `shifted`.
        var shifted = y.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUND_BIASED));
        var n = shifted.sub(ROUND_BIASED);
        var r = n.fma(FloatVector.broadcast(F, -LN2_REST), n.fma(FloatVector.broadcast(F, -LN2), y));
        r = r.add(rest.blend(0f, end));
        var p = r.fma(FloatVector.broadcast(F, E6), FloatVector.broadcast(F, E5));
        p = p.fma(r, FloatVector.broadcast(F, E4));
        p = p.fma(r, FloatVector.broadcast(F, E3));
        p = p.fma(r, FloatVector.broadcast(F, E2));
        p = p.fma(r, FloatVector.broadcast(F, 1f));
        p = p.fma(r, FloatVector.broadcast(F, 1f));
        var e = p.mul(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats()).mul(DROP);
        e.intoArray(s, i);
        part = part.add(e);
      }
      part = part.sub(lost);
      var next = total.add(part);
      lost = next.sub(total).sub(part);
      total = next;
    }
    total.intoArray(s, sum);
  }

  /// The same for the weights of attention, where only the absolute error matters, because the largest weight is 1; it is below
  /// 2⁻²³. The rounding error of the difference `d` contributes `d · 2⁻²⁴ · e⁻ᵈ`, at most 2⁻²⁵, and is not compensated. For
  /// differences below [#WEIGHT_END] the weight is zero, so that none is subnormal.
  static void weights(float[] s, int from, int to, float max, int sum) {
    FloatVector total = FloatVector.fromArray(F, s, sum), lost = FloatVector.zero(F);
    for (int block = from; block < to; block += BLOCK) {
      var part = FloatVector.zero(F);
      for (int i = block, last = Math.min(to, block + BLOCK); i < last; i += LANES) {
        var difference = FloatVector.fromArray(F, s, i).sub(max);
        var shifted = difference.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUND_WEIGHT));
        var r = shifted.sub(ROUND_WEIGHT).fma(FloatVector.broadcast(F, -LN2), difference);
        var p = r.fma(FloatVector.broadcast(F, E6), FloatVector.broadcast(F, E5));
        p = p.fma(r, FloatVector.broadcast(F, E4));
        p = p.fma(r, FloatVector.broadcast(F, E3));
        p = p.fma(r, FloatVector.broadcast(F, E2));
        p = p.fma(r, FloatVector.broadcast(F, 1f));
        p = p.fma(r, FloatVector.broadcast(F, 1f));
        var e = p.mul(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats())
            .blend(0f, difference.compare(VectorOperators.LT, WEIGHT_END));
        e.intoArray(s, i);
        part = part.add(e);
      }
      part = part.sub(lost);
      var next = total.add(part);
      lost = next.sub(total).sub(part);
      total = next;
    }
    total.intoArray(s, sum);
  }

  /// The largest float of `[from, to)`, extended to whole vectors; `-∞` for an empty range. If a float is NaN, the result is NaN or
  /// one of the others.
  ///
  /// Floats are compared as integers of the same order: a float maximum takes six instructions on x86, because of NaN and signed
  /// zeros, and a comparison with a blend has a latency of seven cycles.
  static float max(float[] s, int from, int to) {
    IntVector max0 = IntVector.broadcast(I, ordered(Float.floatToRawIntBits(Float.NEGATIVE_INFINITY))), max1 = max0;
    int i = from;
    for (; i < to - LANES; i += 2 * LANES) {
      IntVector x0 = FloatVector.fromArray(F, s, i).reinterpretAsInts(),
          x1 = FloatVector.fromArray(F, s, i + LANES).reinterpretAsInts();
      max0 = max0.max(x0.lanewise(VectorOperators.ASHR, 31).and(Integer.MAX_VALUE).lanewise(VectorOperators.XOR, x0));
      max1 = max1.max(x1.lanewise(VectorOperators.ASHR, 31).and(Integer.MAX_VALUE).lanewise(VectorOperators.XOR, x1));
    }
    if (i < to) {
      var x = FloatVector.fromArray(F, s, i).reinterpretAsInts();
      max0 = max0.max(x.lanewise(VectorOperators.ASHR, 31).and(Integer.MAX_VALUE).lanewise(VectorOperators.XOR, x));
    }
    return Float.intBitsToFloat(ordered(max0.max(max1).reduceLanes(VectorOperators.MAX)));
  }

  /// Maps the bits of a float to an integer of the same order, and back.
  private static int ordered(int bits) {
    return bits >> 31 & Integer.MAX_VALUE ^ bits;
  }

  /// `x · Φ(x) = max(x, 0) - z · Φ(-z)` with `z = |x|`, and `Φ(-z) = k · exp(-z²/2) · P(z) / Q(z)` with `k` about `1/√2π` and
  /// polynomials of degrees 4 and 5, fitted over [0, 14.5]; the error of the quotient is 1.9e-8. `Q` is computed as
  /// `z P + (2k P + z U)`, so that most rounding errors of `P` cancel and `Φ(0)` is exactly 1/2. The last multiplication and the
  /// difference are one fma.
  static void gelu(float[] s, int from, int to) {
    for (int i = from; i < to; i += LANES) {
      var x = FloatVector.fromArray(F, s, i);
      var z = x.abs().reinterpretAsInts().min(GELU_END).reinterpretAsFloats();
      // 2³² · k · exp(-z²/2), z² as a sum of two floats. The error of LN2 adds a factor exp(1.4e-9 z²), which P and Q compensate.
      var square = z.mul(z);
      var lost = z.fma(z, square.neg());
      var shifted = square.fma(FloatVector.broadcast(F, -LOG2_E / 2), FloatVector.broadcast(F, ROUND));
      var r = shifted.sub(ROUND).fma(FloatVector.broadcast(F, 2 * LN2), square).add(lost);
      var e = r.fma(FloatVector.broadcast(F, 8.6055015e-6f), FloatVector.broadcast(F, -1.0433031e-4f));
      e = e.fma(r, FloatVector.broadcast(F, 0.0010389569f));
      e = e.fma(r, FloatVector.broadcast(F, -0.008311203f));
      e = e.fma(r, FloatVector.broadcast(F, 0.04986764f));
      e = e.fma(r, FloatVector.broadcast(F, -0.1994706f));
      e = e.fma(r, FloatVector.broadcast(F, K));
      e = e.reinterpretAsInts().add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23)).reinterpretAsFloats();
      var p = z.add(9.3889475f);
      p = p.fma(z, FloatVector.broadcast(F, 40.766544f));
      p = p.fma(z, FloatVector.broadcast(F, 94.385f));
      p = p.fma(z, FloatVector.broadcast(F, 103.129074f));
      var u = z.fma(FloatVector.broadcast(F, -0.7978768f), FloatVector.broadcast(F, -6.4950852f));
      u = u.fma(z, FloatVector.broadcast(F, -23.056793f));
      u = u.fma(z, FloatVector.broadcast(F, -37.475185f));
      // x - x is zero, but NaN for -∞, as -∞ · Φ(-∞) is.
      var ramp = x.sub(x, x.compare(VectorOperators.LT, 0f));
      var q = p.fma(z, p.fma(FloatVector.broadcast(F, 2 * K), u.mul(z)));
      p.div(q).mul(-DROP).fma(z.mul(e), ramp).intoArray(s, i);
    }
  }

  static void silu(float[] s, int from, int to) {
    gated(s, from, to, 1, 0, 0, 0, 110.3f);
  }

  static void quickGelu(float[] s, int from, int to) {
    gated(s, from, to, 1.702f, -2.193451e-8f, 0, 0, 64.8f);
  }

  /// Uses `(1 + tanh u) / 2 = σ(2u)`; the factors are √(8/π) and 0.044715 √(8/π).
  static void geluTanh(float[] s, int from, int to) {
    gated(s, from, to, 1.5957692f, -4.534068e-8f, 0.071354814f, 2.3988325e-9f, 10.92f);
  }

  /// `x · σ(x (linear + cubic x²))`. Each factor, sum and product carries its rounding error along: the argument reaches 110, and
  /// its absolute error becomes the relative error of the result. The condition in the loop is loop-invariant.
  ///
  /// @param end the magnitude of `x` for which the argument is -[#EXP_END]
  private static void gated(float[] s, int from, int to, float linear, float linearRest, float cubic, float cubicRest,
      float end) {
    int most = Float.floatToRawIntBits(end);
    for (int i = from; i < to; i += LANES) {
      var x = FloatVector.fromArray(F, s, i);
      var z = x.abs().reinterpretAsInts().min(most).reinterpretAsFloats();
      FloatVector a, rest;
      if (cubic == 0) {
        a = z.mul(linear);
        rest = z.fma(FloatVector.broadcast(F, linearRest), z.fma(FloatVector.broadcast(F, linear), a.neg()));
      } else {
        var square = z.mul(z);
        var term = square.mul(cubic);
        var factor = term.add(linear);
        var back = factor.sub(term);
        rest = z.fma(z, square.neg()).fma(FloatVector.broadcast(F, cubic),
            square.fma(FloatVector.broadcast(F, cubic), term.neg()));
        rest = rest.add(FloatVector.broadcast(F, linear).sub(back)).add(term.sub(factor.sub(back)));
        rest = square.fma(FloatVector.broadcast(F, cubicRest), rest).add(linearRest);
        a = z.mul(factor);
        rest = rest.fma(z, z.fma(factor, a.neg()));
      }
      // 2ⁿ · eʳ = exp(-a - rest), with n in the low bits of `shifted`.
      var shifted = a.fma(FloatVector.broadcast(F, -LOG2_E), FloatVector.broadcast(F, ROUND_BIASED));
      var n = shifted.sub(ROUND_BIASED);
      var r = n.fma(FloatVector.broadcast(F, -LN2_REST), n.fma(FloatVector.broadcast(F, -LN2), a.neg())).sub(rest);
      var p = r.fma(FloatVector.broadcast(F, E6), FloatVector.broadcast(F, E5));
      p = p.fma(r, FloatVector.broadcast(F, E4));
      p = p.fma(r, FloatVector.broadcast(F, E3));
      p = p.fma(r, FloatVector.broadcast(F, E2));
      p = p.fma(r, FloatVector.broadcast(F, 1f));
      p = p.fma(r, FloatVector.broadcast(F, 1f));
      var e = p.mul(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
      var negative = x.compare(VectorOperators.LT, 0f);
      var y = x.mul(e, negative).div(e.fma(FloatVector.broadcast(F, DROP), FloatVector.broadcast(F, 1f)));
      y.mul(DROP, negative).intoArray(s, i);
    }
  }
}
