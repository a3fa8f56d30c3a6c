package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Window;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// A depthwise convolution: each channel is convolved separately.
///
/// @param weight `[window height, window width, C]`
/// @param bias `[C]`, or null for none
public record DepthwiseConv(Tensor weight, @Nullable Tensor bias, Window window) {
  public DepthwiseConv {
    Objects.requireNonNull(weight, "weight");
    Objects.requireNonNull(window, "window");
  }

  /// `[B, H, W, C]` → `[B, rows, cols, C]`.
  public Tensor forward(Tensor x) {
    return forward(x, Activation.NONE);
  }

  /// `activation(x ∗ W + b)`: `[B, H, W, C]` → `[B, rows, cols, C]`.
  ///
  /// @throws IllegalArgumentException if `x` has another rank or number of channels, or is smaller than the window
  public Tensor forward(Tensor x, Activation activation) {
    int channels = weight.dim(2);
    if (x.rank() != 4 || x.dim(3) != channels)
      throw new IllegalArgumentException("depthwise convolution: expected [B, H, W, " + channels + "], got " + x);
    var g = Convolution.depthwise(x.dim(0), x.dim(1), x.dim(2), channels, window);
    var out = x.allocate(g.batch(), g.rows(), g.cols(), channels);
    x.run(new Operation.Depthwise(x.segment(), g, weight.segment(), Tensor.segmentOf(bias), activation, out.segment()));
    return out;
  }
}
