package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// A transposed convolution whose stride equals its kernel size: each input position becomes a `kernel × kernel` square.
///
/// @param weight `[kernel · kernel · out, in]`, rows in the order (row, column, channel)
/// @param bias `[out]`, or null for none
public record ConvTranspose2d(Weight weight, @Nullable Tensor bias, int kernel) {
  public ConvTranspose2d {
    Objects.requireNonNull(weight, "weight");
  }

  /// `[B, H, W, in]` → `[B, kernel · H, kernel · W, out]`.
  public Tensor forward(Tensor x) {
    return forward(x, Activation.NONE);
  }

  /// `activation(…)`: `[B, H, W, in]` → `[B, kernel · H, kernel · W, out]`.
  ///
  /// @throws IllegalArgumentException if `x` has another rank or number of channels
  public Tensor forward(Tensor x, Activation activation) {
    if (x.rank() != 4 || x.dim(3) != weight.k())
      throw new IllegalArgumentException("transposed convolution: expected [B, H, W, " + weight.k() + "], got " + x);
    int batch = x.dim(0), height = x.dim(1), width = x.dim(2);
    var out = x.allocate(batch, kernel * height, kernel * width, weight.n() / (kernel * kernel));
    x.run(new Operation.TransposedConvolution(x.segment(), batch, height, width, kernel, weight,
        Tensor.segmentOf(bias), activation, out.segment()));
    return out;
  }
}
