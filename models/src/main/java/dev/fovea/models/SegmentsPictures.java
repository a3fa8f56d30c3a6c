package dev.fovea.models;

import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import java.util.Map;

/// A model that classifies each pixel of a picture. What [Model] says of threads and passes holds here too.
public interface SegmentsPictures {
  /// Number of classes.
  int numClasses();

  /// The smallest side of a picture, in pixels.
  int minSide();

  /// `[B, channels, H, W]` → `[B, rows, cols, classes]`, at a lower resolution of the model's choice. The logits at the picture's
  /// size are these, resampled bilinearly.
  ///
  /// @throws InputException if the picture has another number of channels or is too small
  Tensor logits(Tensor image);

  /// The reference's outputs at the picture's size: `upsampled_logits` `[B, classes, height, width]` and `segmentation`
  /// `[B, height, width]`.
  ///
  /// @param outputs result of [Model#outputs]
  Map<String, Tensor> atPictureSize(Map<String, Tensor> outputs, Preprocessing.Size size);
}
