package dev.fovea.models;

import org.jetbrains.annotations.Nullable;

/// What a forward pass keeps beside its result. What is not kept may cost nothing: without maps, attention writes none.
///
/// @param hiddenStates what each block computes
/// @param attentions each block's attention maps
/// @param maps the size of the picture, for a model that tells something of each pixel, at that size; null for nothing of it
public record Keep(boolean hiddenStates, boolean attentions, @Nullable Size maps) {
  public static final Keep NOTHING = new Keep(false, false, null);
  public static final Keep ALL = new Keep(true, true, null);

  /// A size in pixels.
  public record Size(int height, int width) {}

  /// The same, with maps for pictures of this size.
  public Keep maps(@Nullable Size size) {
    return new Keep(hiddenStates, attentions, size);
  }
}
