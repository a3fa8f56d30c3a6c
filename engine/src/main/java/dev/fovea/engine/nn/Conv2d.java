package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Window;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// A convolution, with or without bias.
///
/// @param weight `[out, window size · in / groups]`, its columns in the layout's order
/// @param bias `[out]`, or null for none
/// @param in channels of the map
/// @param layout of the map; results have their channels last
public record Conv2d(Weight weight, @Nullable Tensor bias, int in, Window window, int groups, Convolution.Layout layout) {
  public Conv2d {
    Objects.requireNonNull(weight, "weight");
    Objects.requireNonNull(window, "window");
    Objects.requireNonNull(layout, "layout");
  }

  /// `[B, H, W, in]`, or `[B, in, H, W]` for [Convolution.Layout#PLANES] → `[B, rows, cols, out]`.
  public Tensor forward(Tensor x) {
    return forward(x, Activation.NONE);
  }

  /// `activation(x ∗ W + b)`: `[B, H, W, in]`, or `[B, in, H, W]` for [Convolution.Layout#PLANES] → `[B, rows, cols, out]`.
  ///
  /// @throws IllegalArgumentException if `x` has another rank or number of channels, or is smaller than the window
  public Tensor forward(Tensor x, Activation activation) {
    var g = geometry(x);
    var out = x.allocate(g.batch(), g.rows(), g.cols(), weight.n());
    x.run(new Operation.Convolve(x.segment(), g, weight, Tensor.segmentOf(bias), activation, null, out.segment()));
    return out;
  }

  private Convolution geometry(Tensor x) {
    boolean planes = layout == Convolution.Layout.PLANES;
    int height = planes ? 2 : 1;
    if (x.rank() != 4 || x.dim(planes ? 1 : 3) != in)
      throw new IllegalArgumentException("convolution: expected " + (planes ? "[B, " + in + ", H, W]" : "[B, H, W, " + in + "]")
          + ", got " + x);
    return new Convolution(x.dim(0), x.dim(height), x.dim(height + 1), in, window, groups, layout);
  }
}
