package dev.fovea.models;

/// The method to pool a picture's features into one vector.
public enum Pooling {
  /// The class token.
  CLASS_TOKEN,
  /// The mean of the patches.
  PATCH_MEAN,
  /// The class token, then the mean of the patches: twice the channels, as for DINOv2's linear classifier.
  BOTH,
  /// The embedding in the common space of pictures and texts (CLIP, SigLIP).
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
