package dev.fovea.engine.text;

import java.util.Objects;

/// A token that is matched in the text before the model tokenizes the rest.
///
/// @param singleWord whether it matches only without adjacent letters, marks, digits or connectors
/// @param lstrip whether the match includes the white space before it
/// @param rstrip whether the match includes the white space after it
/// @param normalized whether its normalised form is matched in the normalised text
/// @param special whether decoding can skip it
public record AddedToken(int id, String content, boolean singleWord, boolean lstrip, boolean rstrip, boolean normalized,
    boolean special) {
  public AddedToken {
    Objects.requireNonNull(content, "content");
  }

  static AddedToken of(JsonPart part) {
    part.only("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
    boolean special = part.bool("special", false);
    return new AddedToken(part.count("id", JsonPart.MOST_IDS - 1), part.string("content"), part.bool("single_word", false),
        part.bool("lstrip", false), part.bool("rstrip", false), part.bool("normalized", !special), special);
  }
}
