package dev.fovea.engine.text;

/// A token that is found in the text before the model sees it.
///
/// @param singleWord whether it counts only where no letter, digit or mark touches it
/// @param lstrip whether it takes the white space before it
/// @param rstrip whether it takes the white space after it
/// @param normalized whether it is looked for, normalised, in the normalised text
/// @param special whether decoding may leave it out
public record AddedToken(int id, String content, boolean singleWord, boolean lstrip, boolean rstrip, boolean normalized,
    boolean special) {
  static AddedToken of(JsonPart part) {
    part.only("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
    boolean special = part.bool("special", false);
    return new AddedToken(part.count("id", JsonPart.MOST_IDS - 1), part.string("content"), part.bool("single_word", false),
        part.bool("lstrip", false), part.bool("rstrip", false), part.bool("normalized", !special), special);
  }
}
