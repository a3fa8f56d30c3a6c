package dev.fovea.converter;

import dev.fovea.converter.source.SourceTensor;
import dev.fovea.engine.checkpoint.DType;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The contents of a published checkpoint, and its conversion plan.
///
/// @param tensors in the order of the checkpoint
/// @param family such as `vit`; null if not recognised
/// @param plan what a conversion would do; null if it would fail
/// @param problem why it would fail; null if it would not
public record Inspection(List<Tensor> tensors, @Nullable String family, @Nullable Report plan, @Nullable String problem) {
  public Inspection {
    Objects.requireNonNull(tensors, "tensors");
  }

  /// A tensor of a published checkpoint.
  public record Tensor(String name, DType dtype, List<Long> shape) {
    public Tensor {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(dtype, "dtype");
      Objects.requireNonNull(shape, "shape");
    }

    static Tensor of(SourceTensor tensor) {
      return new Tensor(tensor.name(), tensor.dtype(), tensor.shape());
    }
  }
}
