package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// A linear layer: `x · Wᵀ + b` over the last dimension.
///
/// @param weight `[out, in]`
/// @param bias `[out]`, or null for none
public record Linear(Weight weight, @Nullable Tensor bias) {
  public Linear {
    Objects.requireNonNull(weight, "weight");
  }

  /// `[…, in]` → `[…, out]`.
  public Tensor forward(Tensor x) {
    return forward(x, Activation.NONE);
  }

  /// `activation(x · Wᵀ + b)`: `[…, in]` → `[…, out]`.
  ///
  /// @throws IllegalArgumentException if the last dimension of `x` is not `in`
  public Tensor forward(Tensor x, Activation activation) {
    Objects.requireNonNull(activation, "activation");
    return forward(x, activation, null);
  }

  /// `x · Wᵀ + b + more`: `[…, in]` and `[…, out]` → `[…, out]`.
  ///
  /// @throws IllegalArgumentException if the last dimension of `x` is not `in`
  public Tensor forward(Tensor x, Tensor more) {
    Objects.requireNonNull(more, "more");
    return forward(x, Activation.NONE, more);
  }

  private Tensor forward(Tensor x, Activation activation, @Nullable Tensor more) {
    if (x.dim(-1) != weight.k())
      throw new IllegalArgumentException("linear: expected " + weight.k() + " features in the last dimension, got " + x);
    var shape = x.shape();
    shape[shape.length - 1] = weight.n();
    var out = x.allocate(shape);
    int rows = weight.k() == 0 ? 0 : Math.toIntExact(x.size() / weight.k());
    x.run(new Operation.Linear(x.segment(), weight, Tensor.segmentOf(bias), activation,
        Tensor.segmentOf(more), out.segment(), rows));
    return out;
  }
}
