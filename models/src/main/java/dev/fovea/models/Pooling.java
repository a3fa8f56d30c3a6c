package dev.fovea.models;

/// How a picture's features become one vector.
public enum Pooling {
  /// The class token.
  CLASS_TOKEN,
  /// The mean of the patches.
  PATCH_MEAN,
  /// The class token, then the mean of the patches: twice the channels, what DINOv2's linear classifier reads.
  BOTH,
  /// The picture's place in the space that it shares with words (CLIP, SigLIP).
  JOINT;

  @Override
  public String toString() {
    return switch (this) {
      case CLASS_TOKEN -> "class";
      case PATCH_MEAN -> "mean";
      case BOTH -> "both";
      case JOINT -> "joint";
    };
  }
}
