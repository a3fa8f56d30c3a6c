package dev.fovea.models;

import dev.fovea.engine.tensor.Tensor;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// Features of a batch of pictures: tensors of a pass, valid as long as its results.
///
/// Shapes: B batch, P patches, C channels.
///
/// @param clsToken class token, `[B, C]`; null if the model has none
/// @param patches patches in row-major order, `[B, P, C]`
/// @param joint embeddings in the common space of pictures and texts, `[B, D]`; null if the model has no such space
public record PictureFeatures(@Nullable Tensor clsToken, Tensor patches, @Nullable Tensor joint) {
  public PictureFeatures {
    Objects.requireNonNull(patches, "patches");
  }

  /// One vector per picture: `[B, C]`, or `[B, 2 C]` for [Pooling#BOTH] and `[B, D]` for [Pooling#JOINT].
  Tensor pooled(Pooling pooling) {
    return switch (pooling) {
      case CLASS_TOKEN -> clsToken;
      case PATCH_MEAN -> patches.mean(1);
      case BOTH -> Tensor.concat(1, clsToken, patches.mean(1));
      case JOINT -> joint;
    };
  }
}
