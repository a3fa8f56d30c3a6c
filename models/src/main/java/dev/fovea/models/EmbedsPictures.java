package dev.fovea.models;

import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import java.util.List;

/// A model that computes features of a picture and of its patches. What [Model] says of threads and passes holds here too.
public interface EmbedsPictures {
  /// Side of a patch, in pixels; the sides of a picture are multiples of it.
  int patchSize();

  /// Whether a picture may have pixels beyond its last whole patch, which the model ignores.
  default boolean takesRest() {
    return false;
  }

  /// The supported ways to pool the features into one vector, the default first.
  default List<Pooling> poolings() {
    return List.of(Pooling.CLASS_TOKEN, Pooling.PATCH_MEAN, Pooling.BOTH);
  }

  /// `[B, channels, H, W]` → features after the final norm, except for patches without a trained norm.
  ///
  /// @throws InputException if the picture has another number of channels or is not a whole number of patches
  PictureFeatures features(Tensor image);
}
