package dev.fovea.models;

import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.text.Encoding;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.models.DetectionOptions.Suppression;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// The detections that the results of a pass mean (ref: transformers, `processing_grounding_dino.py`,
/// `post_process_grounded_object_detection`; the labels are this project's own).
///
/// Shapes: Q queries, N tokens.
final class PhraseDecoding {
  /// The tokens between which a model reads each part of the text on its own (ref: transformers, `modeling_grounding_dino.py`,
  /// `SPECIAL_TOKENS`).
  private static final Set<String> BETWEEN_PARTS = Set.of("[CLS]", "[SEP]", ".", "?");

  private final Encoding encoding;
  private final Tokenizer tokenizer;
  private final int maxTokens;
  /// The label of each token; null for those between labels.
  private final @Nullable String[] labels;

  /// @param encoding of the prompt's text, by `tokenizer`
  /// @param maxTokens of the longest text, as [DetectsPhrases#maxTokens()]
  /// @throws TokenizerException if no token is part of a label
  PhraseDecoding(DetectionPrompt prompt, Encoding encoding, Tokenizer tokenizer, int maxTokens) {
    this.encoding = encoding;
    this.tokenizer = tokenizer;
    this.maxTokens = maxTokens;
    labels = new String[encoding.length()];
    for (int from = 0, to; from < labels.length; from = to + 1) {
      to = from;
      while (to < labels.length && isInPart(to)) to++;
      if (to > from) Arrays.fill(labels, from, to, prompt.label(encoding.starts()[from], encoding.ends()[to - 1]));
    }
    if (labels().isEmpty()) throw new TokenizerException("text '" + prompt + "': expected at least one word that has a token");
  }

  private boolean isInPart(int token) {
    return encoding.specialTokensMask()[token] == 0 && !BETWEEN_PARTS.contains(encoding.tokens().get(token));
  }

  /// The tokens of the text.
  Encoding encoding() {
    return encoding;
  }

  /// The labels in the text, in order, each once.
  List<String> labels() {
    return Arrays.stream(labels).filter(label -> label != null).distinct().toList();
  }

  /// The boxes that `options` keep, the most certain first.
  ///
  /// @param logits `[Q, N]`, before the sigmoid
  /// @param boxes `[Q, 4]`: centre x, centre y, width and height, as shares of the picture
  /// @param width of the picture, in pixels
  List<Detection> detections(float[] logits, float[] boxes, int width, int height, DetectionOptions options) {
    int queries = boxes.length / 4, tokens = logits.length / queries;
    var found = new ArrayList<Detection>();
    for (int q = 0; q < queries; q++) {
      var probabilities = sigmoid(Arrays.copyOfRange(logits, q * tokens, (q + 1) * tokens));
      float score = 0;
      for (float probability : probabilities) score = Math.max(score, probability);
      if (score > options.boxThreshold())
        found.add(new Detection(box(boxes, 4 * q, width, height), score, label(probabilities),
            phrase(probabilities, options.textThreshold())));
    }
    found.sort(Comparator.comparingDouble(Detection::score).reversed());
    return List.copyOf(options.suppression() == Suppression.NONE ? found : suppressed(found, options));
  }

  private static float[] sigmoid(float[] logits) {
    for (int i = 0; i < logits.length; i++) logits[i] = (float) (1 / (1 + Math.exp(-(double) logits[i])));
    return logits;
  }

  /// The corners, in the reference's order of operations.
  private static Box box(float[] boxes, int at, int width, int height) {
    float x = boxes[at], y = boxes[at + 1], w = boxes[at + 2], h = boxes[at + 3];
    return new Box((x - 0.5f * w) * width, (y - 0.5f * h) * height, (x + 0.5f * w) * width, (y + 0.5f * h) * height);
  }

  /// The label with the likeliest word. A full stop may be likelier than all words, and has no label.
  private String label(float[] probabilities) {
    int best = -1;
    for (int i = 0; i < labels.length; i++)
      if (labels[i] != null && (best < 0 || probabilities[i] > probabilities[best])) best = i;
    return labels[best];
  }

  /// The text of the tokens above a threshold, special ones included, except for the first of the text and the last that the
  /// longest text would have (ref: `get_phrases_from_posmap`).
  private String phrase(float[] probabilities, float threshold) {
    var ids = new ArrayList<Integer>();
    for (int i = 1; i < Math.min(encoding.length(), maxTokens - 1); i++)
      if (probabilities[i] > threshold) ids.add(encoding.ids()[i]);
    return tokenizer.decode(ids.stream().mapToInt(id -> id).toArray(), false);
  }

  private static List<Detection> suppressed(List<Detection> found, DetectionOptions options) {
    boolean agnostic = options.suppression() == Suppression.AGNOSTIC;
    var kept = new ArrayList<Detection>();
    for (var each : found)
      if (kept.stream().noneMatch(better -> (agnostic || better.label().equals(each.label()))
          && better.box().iou(each.box()) > options.suppressionIou())) kept.add(each);
    return kept;
  }
}
