package dev.fovea.models;

import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// How a [TextEmbedder] makes a vector of a text.
///
/// @param pooling of the tokens' features; null for the model's own vector in the common space of pictures and texts, which is the
///     only one of such a model
/// @param normalized whether vectors have length 1
/// @param prompt a text put before each text, such as `query: `; empty for none
public record TextSettings(@Nullable TextPooling pooling, boolean normalized, String prompt) {
  public TextSettings {
    Objects.requireNonNull(prompt, "prompt");
  }

  /// The same with another pooling.
  public TextSettings withPooling(TextPooling pooling) {
    return new TextSettings(Objects.requireNonNull(pooling, "pooling"), normalized, prompt);
  }

  /// The same with vectors of length 1, or of the length that the model gives.
  public TextSettings withNormalized(boolean normalized) {
    return new TextSettings(pooling, normalized, prompt);
  }

  /// The same with another prompt.
  public TextSettings withPrompt(String prompt) {
    return new TextSettings(pooling, normalized, prompt);
  }
}
