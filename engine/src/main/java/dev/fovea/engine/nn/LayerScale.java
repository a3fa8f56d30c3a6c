package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import java.util.Objects;

/// A learned factor for each channel of a residual branch (Touvron et al., "Going deeper with Image Transformers", 2021).
///
/// @param gamma `[C]`
public record LayerScale(Tensor gamma) {
  public LayerScale {
    Objects.requireNonNull(gamma, "gamma");
  }

  /// `[…, C]` → `[…, C]`.
  public Tensor forward(Tensor x) {
    return x.times(gamma);
  }
}
