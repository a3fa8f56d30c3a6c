package dev.fovea.models;

/// What a forward pass keeps beside its result. What is not kept may cost nothing: without maps, attention writes none.
///
/// @param hiddenStates what each block computes
/// @param attentions each block's attention maps
public record Keep(boolean hiddenStates, boolean attentions) {
  public static final Keep NOTHING = new Keep(false, false);
  public static final Keep ALL = new Keep(true, true);
}
