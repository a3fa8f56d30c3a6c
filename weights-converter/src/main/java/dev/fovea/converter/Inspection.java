package dev.fovea.converter;

import dev.fovea.converter.source.SourceTensor;
import dev.fovea.engine.checkpoint.DType;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// The contents of a published checkpoint, and its conversion plan.
///
/// @param tensors in the order of the checkpoint
/// @param family such as `vit`; null if not recognised
/// @param plan what a conversion would do; null if it would fail
/// @param problem why it would fail; null if it would not
public record Inspection(List<Tensor> tensors, @Nullable String family, @Nullable Report plan, @Nullable String problem) {
  /// A tensor of a published checkpoint.
  public record Tensor(String name, DType dtype, List<Long> shape) {
    static Tensor of(SourceTensor tensor) {
      return new Tensor(tensor.name(), tensor.dtype(), tensor.shape());
    }
  }
}
