package dev.fovea.models;

import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import java.util.List;

/// A model that turns a picture into features of the whole and of its patches.
public interface EmbedsPictures {
  /// Side of a patch, in pixels; pictures are whole numbers of patches.
  int patchSize();

  /// Whether a picture may have pixels beyond its last whole patch, which are not looked at.
  default boolean takesRest() {
    return false;
  }

  /// The ways to make one vector of the features, the usual one first.
  default List<Pooling> poolings() {
    return List.of(Pooling.CLASS_TOKEN, Pooling.PATCH_MEAN, Pooling.BOTH);
  }

  /// `[B, channels, H, W]` → features after the final norm.
  ///
  /// @throws InputException if the picture has other channels or is no whole number of patches
  PictureFeatures features(Tensor image);
}
