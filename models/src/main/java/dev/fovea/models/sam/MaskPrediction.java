package dev.fovea.models.sam;

import dev.fovea.engine.image.mask.Mask;

/// A mask that a prompt gave.
///
/// @param mask at the picture's size
/// @param iou how well the model expects it to agree with what was meant: about 1 for a sure answer
/// @param logits of the mask at the decoder's size, for [Prompt#like]; above 0 inside
public record MaskPrediction(Mask mask, float iou, float[] logits) {}
