package dev.fovea.models;

import dev.fovea.engine.tensor.Tensor;

/// A model that can say which of its classes a picture shows.
public interface ClassifiesPictures {
  /// Number of classes; 0 where this model came without a classification head.
  int numClasses();

  /// The smallest side of a picture, in pixels.
  int minSide();

  /// `[B, channels, H, W]` → `[B, classes]`.
  ///
  /// @throws IllegalStateException if the model has no classification head
  Tensor logits(Tensor image);
}
