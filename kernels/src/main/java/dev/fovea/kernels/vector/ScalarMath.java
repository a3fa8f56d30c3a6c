package dev.fovea.kernels.vector;

import dev.fovea.kernels.Activation;

/// [VectorMath] number by number: the same operations in the same order, and hence the same bits. See there for the formulas.
final class ScalarMath {
  private static final float LOG2_E = 1.44269504f, LN2 = 0.693147182f, LN2_REST = -1.90465421e-9f, DROP = 0x1p-32f;
  private static final float ROUND = 0x1.8p23f + 32, ROUND_BIASED = ROUND + 127, ROUND_WEIGHT = 0x1.8p23f + 127;
  private static final float EXP_END = -110.3f, WEIGHT_END = -87.3f, SILU_END = 110.3f, QUICK_GELU_END = 64.8f,
      GELU_TANH_END = 10.92f, GELU_END = 14.5f;
  private static final float K = 0.3989412f;

  private ScalarMath() {}

  /// `s = activation(s + bias)` for the first `n` floats; `s + bias` for [Activation#NONE]. Each activation has a separate loop, so
  /// that C2 never recompiles a loop for another activation.
  static void activate(Activation activation, float[] s, float bias, int n) {
    switch (activation) {
      case NONE -> add(s, bias, n);
      case GELU -> gelu(s, bias, n);
      case GELU_TANH -> geluTanh(s, bias, n);
      case QUICK_GELU -> quickGelu(s, bias, n);
      case SILU -> silu(s, bias, n);
      case RELU -> relu(s, bias, n);
      case TANH -> tanh(s, bias, n);
      case SIGMOID -> sigmoid(s, bias, n);
      case LOGIT -> logit(s, bias, n);
    }
  }

  static void add(float[] s, float bias, int n) {
    for (int i = 0; i < n; i++) s[i] += bias;
  }

  private static void gelu(float[] s, float bias, int n) {
    for (int i = 0; i < n; i++) s[i] = gelu(s[i] + bias);
  }

  private static void geluTanh(float[] s, float bias, int n) {
    for (int i = 0; i < n; i++) s[i] = geluTanh(s[i] + bias);
  }

  private static void quickGelu(float[] s, float bias, int n) {
    for (int i = 0; i < n; i++) s[i] = quickGelu(s[i] + bias);
  }

  private static void silu(float[] s, float bias, int n) {
    for (int i = 0; i < n; i++) s[i] = silu(s[i] + bias);
  }

  private static void relu(float[] s, float bias, int n) {
    for (int i = 0; i < n; i++) s[i] = Math.max(s[i] + bias, 0f);
  }

  private static void tanh(float[] s, float bias, int n) {
    for (int i = 0; i < n; i++) s[i] = (float) Math.tanh(s[i] + bias);
  }

  private static void sigmoid(float[] s, float bias, int n) {
    for (int i = 0; i < n; i++) s[i] = (float) (1 / (1 + Math.exp(-(s[i] + bias))));
  }

  private static void logit(float[] s, float bias, int n) {
    for (int i = 0; i < n; i++) s[i] = logit(s[i] + bias);
  }

  static float logit(float x) {
    double p = x < 1e-5 ? 1e-5 : x > 1 - 1e-5 ? 1 - 1e-5 : x;
    return (float) Math.log(p / (1 - p));
  }

  /// `eˣ⁻ᵐ` for `x ≤ m`.
  static float exp(float x, float m) {
    float difference = x - m;
    float back = difference - x;
    float rest = x - (difference - back) - (back + m);
    boolean end = difference < EXP_END;
    float y = end ? EXP_END : difference;
    float shifted = Math.fma(y, LOG2_E, ROUND_BIASED);
    float n = shifted - ROUND_BIASED;
    float r = Math.fma(n, -LN2, y);
    return lifted(shifted, Math.fma(n, -LN2_REST, r) + (end ? 0f : rest)) * DROP;
  }

  /// The same as in [VectorMath#weights].
  static float weight(float x, float m) {
    float difference = x - m;
    float shifted = Math.fma(difference, LOG2_E, ROUND_WEIGHT);
    float weight = lifted(shifted, Math.fma(shifted - ROUND_WEIGHT, -LN2, difference));
    return difference < WEIGHT_END ? 0f : weight;
  }

  private static float lifted(float shifted, float r) {
    float p = Math.fma(r, 0.0013820734f, 0.008368677f);
    p = Math.fma(p, r, 0.041668266f);
    p = Math.fma(p, r, 0.16666521f);
    p = Math.fma(p, r, 0.49999994f);
    p = Math.fma(p, r, 1f);
    p = Math.fma(p, r, 1f);
    return p * Float.intBitsToFloat(Float.floatToRawIntBits(shifted) << 23);
  }

  /// The smaller of `|x|` and `end`; `end` for NaN.
  private static float magnitude(float x, float end) {
    return Float.intBitsToFloat(Math.min(Float.floatToRawIntBits(Math.abs(x)), Float.floatToRawIntBits(end)));
  }

  static float gelu(float x) {
    float z = magnitude(x, GELU_END);
    float e = gauss(z);
    float p = z + 9.3889475f;
    p = Math.fma(p, z, 40.766544f);
    p = Math.fma(p, z, 94.385f);
    p = Math.fma(p, z, 103.129074f);
    float u = Math.fma(z, -0.7978768f, -6.4950852f);
    u = Math.fma(u, z, -23.056793f);
    u = Math.fma(u, z, -37.475185f);
    float ramp = x < 0 ? x - x : x;
    float q = Math.fma(p, z, Math.fma(p, 2 * K, u * z));
    return Math.fma(p / q * -DROP, z * e, ramp);
  }

  private static float gauss(float z) {
    float square = z * z;
    float lost = Math.fma(z, z, -square);
    float shifted = Math.fma(square, -LOG2_E / 2, ROUND);
    float r = Math.fma(shifted - ROUND, 2 * LN2, square) + lost;
    float p = Math.fma(r, 8.6055015e-6f, -1.0433031e-4f);
    p = Math.fma(p, r, 0.0010389569f);
    p = Math.fma(p, r, -0.008311203f);
    p = Math.fma(p, r, 0.04986764f);
    p = Math.fma(p, r, -0.1994706f);
    p = Math.fma(p, r, K);
    return Float.intBitsToFloat(Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(shifted) << 23));
  }

  static float silu(float x) {
    return gated(x, magnitude(x, SILU_END), 0f);
  }

  static float quickGelu(float x) {
    float z = magnitude(x, QUICK_GELU_END);
    float a = z * 1.702f;
    float rest = Math.fma(z, 1.702f, -a);
    return gated(x, a, Math.fma(z, -2.193451e-8f, rest));
  }

  static float geluTanh(float x) {
    float z = magnitude(x, GELU_TANH_END);
    float linear = 1.5957692f, cubic = 0.071354814f;
    float square = z * z;
    float term = square * cubic;
    float factor = term + linear;
    float rest = Math.fma(square, cubic, -term);
    rest = Math.fma(Math.fma(z, z, -square), cubic, rest);
    float back = factor - term;
    rest = rest + (linear - back) + (term - (factor - back));
    rest = Math.fma(square, 2.3988325e-9f, rest) + -4.534068e-8f;
    float a = z * factor;
    return gated(x, a, Math.fma(rest, z, Math.fma(z, factor, -a)));
  }

  private static float gated(float x, float a, float rest) {
    float shifted = Math.fma(a, -LOG2_E, ROUND_BIASED);
    float n = shifted - ROUND_BIASED;
    float r = Math.fma(n, -LN2, -a);
    float e = lifted(shifted, Math.fma(n, -LN2_REST, r) - rest);
    boolean negative = x < 0;
    float y = (negative ? x * e : x) / Math.fma(e, DROP, 1f);
    return negative ? y * DROP : y;
  }
}
