package dev.fovea.kernels;

/// An element-wise non-linearity. Variants with different results have different names.
public enum Activation {
  /// `x`
  NONE,
  /// `x · Φ(x)` with the normal distribution's `Φ(x) = (1 + erf(x / √2)) / 2`
  /// (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
  GELU,
  /// `x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2`, the approximation that GPT-2 and SigLIP use.
  GELU_TANH,
  /// `x · σ(1.702 x)`, the approximation that CLIP uses.
  QUICK_GELU,
  /// `x · σ(x)`, also called swish.
  SILU,
  /// `max(x, 0)`; NaN stays NaN.
  RELU,
  /// `tanh(x)`, of BERT's pooler. Not optimised, like [#SIGMOID]: models use it on one row per picture or sentence.
  TANH,
  /// `σ(x) = 1 / (1 + exp(-x))`.
  SIGMOID,
  /// `ln(x / (1 - x))`, the inverse of [#SIGMOID], with `x` clamped to `[1e-5, 1 - 1e-5]`; NaN stays NaN. Not optimised: models use
  /// it on the coordinates of boxes.
  LOGIT
}
