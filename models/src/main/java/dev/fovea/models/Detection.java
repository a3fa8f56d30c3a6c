package dev.fovea.models;

import dev.fovea.engine.image.mask.Box;
import java.util.Objects;

/// A thing found in a picture, with two names: its label, which is one of those asked for, and its phrase, the words that fit it.
/// Where several labels fit, the phrase has words of all of them: `shirt blouse jacket`.
///
/// @param box in pixels of the picture; a part may lie outside it, see [Box#clippedTo]
/// @param score the largest probability of a token of the text, in `[0, 1]`
/// @param label the part of the text with the likeliest word, as the caller wrote it
/// @param phrase the tokens above the text threshold, as the tokenizer writes them; empty if there are none
public record Detection(Box box, float score, String label, String phrase) {
  public Detection {
    Objects.requireNonNull(box, "box");
    Objects.requireNonNull(label, "label");
    Objects.requireNonNull(phrase, "phrase");
  }
}
