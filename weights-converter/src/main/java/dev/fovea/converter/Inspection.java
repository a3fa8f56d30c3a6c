package dev.fovea.converter;

import dev.fovea.converter.source.SourceTensor;
import dev.fovea.engine.checkpoint.DType;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// What a published checkpoint holds, and what would become of it.
///
/// @param tensors in the order of the checkpoint
/// @param family such as `vit`; null where it is not recognised
/// @param plan what a conversion would do; null where it would fail
/// @param problem why it would; null where it would not
public record Inspection(List<Tensor> tensors, @Nullable String family, @Nullable Report plan, @Nullable String problem) {
  /// A tensor of a published checkpoint.
  public record Tensor(String name, DType dtype, List<Long> shape) {
    static Tensor of(SourceTensor tensor) {
      return new Tensor(tensor.name(), tensor.dtype(), tensor.shape());
    }
  }
}
