package dev.fovea.models;

import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import java.util.Map;

/// A model that can say which of its classes each pixel of a picture shows.
public interface SegmentsPictures {
  /// Number of classes.
  int numClasses();

  /// The smallest side of a picture, in pixels.
  int minSide();

  /// `[B, channels, H, W]` → `[B, rows, cols, classes]`, at a size of the model's own. At the picture's size they are these,
  /// resampled bilinearly.
  ///
  /// @throws InputException if the picture has other channels or is too small
  Tensor logits(Tensor image);

  /// What the reference computes at the picture's size: `upsampled_logits` `[B, classes, height, width]` and `segmentation`
  /// `[B, height, width]`.
  ///
  /// @param outputs of [Model#outputs]
  Map<String, Tensor> atPictureSize(Map<String, Tensor> outputs, Preprocessing.Size size);
}
