package dev.fovea.models;

import dev.fovea.models.argument.Arguments;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// What to find in a picture: a sentence whose parts end with full stops or question marks, or a list of labels.
///
/// ```java
/// var sentence = DetectionPrompt.of("A giraffe on the left. A red car.");
/// var list = DetectionPrompt.labels(List.of("giraffe", "red car"));
/// ```
///
/// Immutable. Two are equal if they have the same words, and are both sentences or both lists. A null argument is refused with a
/// [NullPointerException] that names the parameter.
public final class DetectionPrompt {
  private static final Pattern SPACES = Pattern.compile("\\s+"), NO_WORDS = Pattern.compile("[\\s.?]*");

  private final String words;
  private final List<String> labels;

  private DetectionPrompt(String words, List<String> labels) {
    this.words = words;
    this.labels = labels;
  }

  /// The things that a sentence names, which gets a full stop at its end if it has none (ref: IDEA-Research/GroundingDINO,
  /// `groundingdino/util/inference.py`, `preprocess_caption`).
  ///
  /// @throws IllegalArgumentException if there is no word in it
  public static DetectionPrompt of(String text) {
    Objects.requireNonNull(text, "text");
    if (NO_WORDS.matcher(text).matches())
      throw new IllegalArgumentException("text: expected at least one word, got '" + oneLine(text) + "'");
    var words = text.strip();
    return new DetectionPrompt(words.endsWith(".") ? words : words + ".", List.of());
  }

  /// The things that labels name (ref: transformers, `processing_grounding_dino.py`, `_merge_candidate_labels_text`). The label of
  /// a detection is one of these, as it is here except for space around it.
  ///
  /// @throws IllegalArgumentException if there is none, or one has no word, or a full stop or question mark, which would divide it
  public static DetectionPrompt labels(List<String> labels) {
    var given = Arguments.elements(labels, "labels").stream().map(String::strip).toList();
    if (given.isEmpty()) throw new IllegalArgumentException("labels: expected at least one");
    for (var label : given) {
      if (NO_WORDS.matcher(label).matches())
        throw new IllegalArgumentException("labels: expected at least one word in each, got '" + label + "'");
      if (label.contains(".") || label.contains("?"))
        throw new IllegalArgumentException("labels: expected no full stop or question mark in a label, got '" + label + "'");
    }
    return new DetectionPrompt(String.join(". ", given) + ".", given);
  }

  /// What the model reads: in lower case, with a full stop at the end.
  public String text() {
    return words.toLowerCase(Locale.ROOT);
  }

  /// The label that the characters of [#text()] from `start` to `end` belong to, in the caller's words.
  String label(int start, int end) {
    var text = text();
    if (!labels.isEmpty()) return labels.get((int) text.substring(0, start).chars().filter(c -> c == '.').count());
    // Lower case is longer for a few letters, and then the places in both differ.
    return oneLine((text.length() == words.length() ? words : text).substring(start, end));
  }

  private static String oneLine(String text) {
    return SPACES.matcher(text).replaceAll(" ");
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof DetectionPrompt p && words.equals(p.words) && labels.equals(p.labels);
  }

  @Override
  public int hashCode() {
    return Objects.hash(words, labels);
  }

  /// The words, as the caller wrote them.
  @Override
  public String toString() {
    return words;
  }
}
