package dev.fovea.models;

import dev.fovea.engine.tensor.Tensor;
import org.jetbrains.annotations.Nullable;

/// What a model says of a batch of pictures.
///
/// Shapes: B batch, P patches, C channels.
///
/// @param clsToken of the whole picture, `[B, C]`; null in a model without one
/// @param patches row by row, `[B, P, C]`
/// @param joint in the space that pictures share with words, `[B, D]`; null in a model of pictures alone
public record PictureFeatures(@Nullable Tensor clsToken, Tensor patches, @Nullable Tensor joint) {
  /// One vector a picture: `[B, D]`, where D is C, or 2 C for [Pooling#BOTH].
  Tensor pooled(Pooling pooling) {
    return switch (pooling) {
      case CLASS_TOKEN -> clsToken;
      case PATCH_MEAN -> patches.mean(1);
      case BOTH -> Tensor.concat(1, clsToken, patches.mean(1));
      case JOINT -> joint;
    };
  }
}
