package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Operation;
import java.util.Objects;

/// Normalises the last dimension to mean 0 and variance 1, then applies weight and bias (Ba, Kiros and Hinton, 2016).
///
/// @param weight `[C]`
/// @param bias `[C]`
public record LayerNorm(Tensor weight, Tensor bias, float eps) {
  public LayerNorm {
    Objects.requireNonNull(weight, "weight");
    Objects.requireNonNull(bias, "bias");
  }

  /// `[…, C]` → `[…, C]`.
  ///
  /// @throws IllegalArgumentException if the last dimension of `x` is not `C`
  public Tensor forward(Tensor x) {
    int cols = x.dim(-1);
    if (cols != weight.dim(0)) throw new IllegalArgumentException("layer norm: expected " + weight + " features, got " + x);
    var out = x.allocate(x.shape());
    x.run(new Operation.LayerNorm(x.segment(), weight.segment(), bias.segment(), eps, out.segment(),
        Math.toIntExact(x.size() / cols), cols));
    return out;
  }
}
