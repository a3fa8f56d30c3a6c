package dev.fovea.models.grounding;

import java.util.Arrays;

/// How the positions of a text's tokens are embedded. Releases of the reference differ, and a model answers best with the positions
/// that it was trained with.
public enum TextPositions {
  /// As in the original implementation (ref: IDEA-Research/GroundingDINO `models/GroundingDINO/bertwarper.py`) and in transformers
  /// before release 5, with which the published checkpoints were made.
  ORIGINAL("original"),
  /// As in transformers from release 5 on: the token that ends a sub-sentence has position 0, and the sines and cosines of the
  /// encoder's text positions are rounded towards zero, as they are computed in the type of the positions, whole numbers.
  TRANSFORMERS_5("transformers-5");

  private final String id;

  TextPositions(String id) {
    this.id = id;
  }

  /// The name in a model file.
  public String id() {
    return id;
  }

  /// @throws IllegalArgumentException if there is no such name
  static TextPositions of(String id) {
    for (var each : values()) if (each.id.equals(id)) return each;
    throw new IllegalArgumentException("text_positions '" + id + "': expected one of "
        + String.join(", ", Arrays.stream(values()).map(TextPositions::id).toList()));
  }

  boolean endsAtZero() {
    return this == TRANSFORMERS_5;
  }

  boolean isRounded() {
    return this == TRANSFORMERS_5;
  }
}
