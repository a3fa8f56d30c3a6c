package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.I;
import static dev.fovea.kernels.vector.Simd.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Exponential and activations, in place on a range of an array. The Vector API's own `EXP` is fast only where the JDK
/// ships a native vector library; these are fast everywhere.
///
/// Errors are in ulps of the float32 result, subnormal results included: the largest measured over a third of all floats
/// (over fewer below 1e-4, where nothing changes but the exponent). `VectorMathTest` holds them below 4. NaN gives NaN;
/// infinities give what the formula gives. All round up to whole vectors.
///
/// | | formula | error |
/// |---|---|---|
/// | `expOfDifference` | `eˣ⁻ᵐ`, `x ≤ m` | 0.9 |
/// | `weights` | the same | 2⁻²³, whatever the result |
/// | `gelu` | `x · Φ(x)` | 3.9 |
/// | `geluTanh` | `x · σ(√(8/π) · (x + 0.044715 x³))` | 3.2 |
/// | `quickGelu` | `x · σ(1.702 x)` | 3.4 |
/// | `silu` | `x · σ(x)` | 3.3 |
///
/// Each loop is written out, with no call of a method of ours, and constants as broadcasts. C2 leaves such a call standing
/// where the callee is too large, has been compiled on its own, or 18,000 nodes are spent, which depends on what ran before;
/// a vector handed to it is boxed, and the loop five to ten times as slow (`benchmarks/NOTES.md`). The JDK's own methods are
/// always inlined.
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
  /// The same for what is not made 2³² times too large.
  private static final float ROUND_WEIGHT = 0x1.8p23f + 127;
  /// Here that exponent field has become zero, and so has `x · eˣ` in float32.
  private static final float EXP_END = -110.3f;
  /// Here the exponential is not yet subnormal.
  private static final float WEIGHT_END = -87.3f;
  /// `eʳ` for `|r| ≤ ln 2 / 2` from the highest power down; the polynomial's own error is 3e-9.
  private static final float E6 = 0.0013820734f, E5 = 0.008368677f, E4 = 0.041668266f, E3 = 0.16666521f, E2 = 0.49999994f;
  /// About `1/√2π`.
  private static final float K = 0.3989412f;
  /// Where `z · Φ(-z)` has become zero in float32. Floats without sign order as integers do; a float minimum costs six
  /// instructions on x86.
  private static final int GELU_END = Float.floatToRawIntBits(14.5f);

  /// Floats that are summed before their sum is added to the whole.
  static final int BLOCK = 8 * LANES;

  private VectorMath() {}

  /// `s = exp(s - max)`, where no number is larger than `max`, and adds the results, lane by lane, to the vector at `sum`.
  ///
  /// What the difference's rounding loses is made good, for the exponential makes an absolute error a relative one: at
  /// `s - max = -6` four ulps, at -80 sixty. So is what the sum's rounding loses (Kahan's sum): a long chain of equal terms
  /// rounds the same way every time, and 3,072 of them may be off by ten ulps.
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
        // 2ⁿ · eʳ, where the low bits of `shifted` are n.
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

  /// The same for weights of a mean, as attention has them, where a weight's error counts beside the largest weight, which is
  /// 1: it is below 2⁻²³. What rounding the difference `d` loses is `d · 2⁻²⁴ · e⁻ᵈ`, never more than `2⁻²⁵`, and stays lost;
  /// below [#WEIGHT_END] a weight is zero, so that none is subnormal.
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

  /// The largest of `[from, to)`, which begins with a whole vector; `-∞` where there is none. Where there is a NaN, it is that or
  /// one of the others.
  ///
  /// Floats are compared as integers that order as they do: a float maximum costs six instructions on x86 for the sake of NaN and
  /// signed zeros, and a comparison and a blend wait seven cycles for each other.
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

  /// A float's bits as an integer that orders as the float does, and back.
  private static int ordered(int bits) {
    return bits >> 31 & Integer.MAX_VALUE ^ bits;
  }

  /// `x · Φ(x) = max(x, 0) - z · Φ(-z)` with `z = |x|`, and `Φ(-z) = k · exp(-z²/2) · P(z) / Q(z)` with `k` about `1/√2π` and
  /// polynomials of degrees 4 and 5, fitted over [0, 14.5]; the quotient's own error is 1.9e-8. `Q` is written as
  /// `z P + (2k P + z U)`: so most of `P`'s rounding errors cancel, and `Φ(0)` is exactly 1/2. The last multiplication and
  /// the difference are one fma.
  static void gelu(float[] s, int from, int to) {
    for (int i = from; i < to; i += LANES) {
      var x = FloatVector.fromArray(F, s, i);
      var z = x.abs().reinterpretAsInts().min(GELU_END).reinterpretAsFloats();
      // 2³² · k · exp(-z²/2), z² in two floats. That LN2 is not quite ln 2 multiplies this by exp(1.4e-9 z²), which P and Q
      // make good.
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
      // x - x is zero, but NaN for -∞, whose Φ is zero.
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

  /// By `(1 + tanh u) / 2 = σ(2u)`; the factors are √(8/π) and 0.044715 √(8/π).
  static void geluTanh(float[] s, int from, int to) {
    gated(s, from, to, 1.5957692f, -4.534068e-8f, 0.071354814f, 2.3988325e-9f, 10.92f);
  }

  /// `x · σ(x (linear + cubic x²))`. With each factor, sum and product comes what its rounding lost: the argument is as large
  /// as 110, and its absolute error becomes the result's relative one. The condition is the same in every round.
  ///
  /// @param end the magnitude where the argument reaches -[#EXP_END]
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
      // 2ⁿ · eʳ = exp(-a - rest), where the low bits of `shifted` are n.
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
