package dev.fovea.models;

import dev.fovea.engine.tensor.Tensor;

/// A model that classifies pictures. What [Model] says of threads and passes holds here too.
public interface ClassifiesPictures {
  /// Number of classes; 0 if this model has no classification head.
  int numClasses();

  /// The smallest side of a picture, in pixels.
  int minSide();

  /// `[B, channels, H, W]` → `[B, classes]`.
  ///
  /// @throws IllegalStateException if the model has no classification head
  Tensor logits(Tensor image);
}
