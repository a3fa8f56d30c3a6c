package dev.fovea.models.sam;

import dev.fovea.engine.image.mask.Mask;
import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// A predicted mask for a prompt. It shares nothing with its session. Two are equal if the masks and all numbers are.
///
/// @param mask mask at the picture's size
/// @param iou predicted IoU with the intended object: about 1 for a confident prediction
/// @param logits logits of the mask at the decoder's size, positive inside, for [Prompt#like]; must not be modified
public record MaskPrediction(Mask mask, float iou, float[] logits) {
  public MaskPrediction {
    Objects.requireNonNull(mask, "mask");
    Objects.requireNonNull(logits, "logits");
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof MaskPrediction p && mask.equals(p.mask) && Float.compare(iou, p.iou) == 0
        && Arrays.equals(logits, p.logits);
  }

  @Override
  public int hashCode() {
    return 31 * mask.hashCode() + Arrays.hashCode(logits);
  }

  @Override
  public String toString() {
    return "mask " + mask + ", predicted IoU " + iou + ", " + logits.length + " logits";
  }
}
