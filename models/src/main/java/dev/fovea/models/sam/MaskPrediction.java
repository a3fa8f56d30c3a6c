package dev.fovea.models.sam;

import dev.fovea.engine.image.mask.Mask;

/// A predicted mask for a prompt.
///
/// @param mask mask at the picture's size
/// @param iou predicted IoU with the intended object: about 1 for a confident prediction
/// @param logits logits of the mask at the decoder's size, positive inside, for [Prompt#like]
public record MaskPrediction(Mask mask, float iou, float[] logits) {}
