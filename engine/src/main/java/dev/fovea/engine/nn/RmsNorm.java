package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Operation;
import java.util.Objects;

/// Divides the last dimension by its root mean square, then multiplies by the weight (Zhang and Sennrich, "Root Mean Square Layer
/// Normalization", 2019).
///
/// @param weight `[C]`
public record RmsNorm(Tensor weight, float eps) {
  public RmsNorm {
    Objects.requireNonNull(weight, "weight");
  }

  /// `[…, C]` → `[…, C]`.
  ///
  /// @throws IllegalArgumentException if the last dimension of `x` is not `C`
  public Tensor forward(Tensor x) {
    int cols = x.dim(-1);
    if (cols != weight.dim(0)) throw new IllegalArgumentException("rms norm: expected " + weight + " features, got " + x);
    var out = x.allocate(x.shape());
    x.run(new Operation.RmsNorm(x.segment(), weight.segment(), eps, out.segment(), Math.toIntExact(x.size() / cols), cols));
    return out;
  }
}
