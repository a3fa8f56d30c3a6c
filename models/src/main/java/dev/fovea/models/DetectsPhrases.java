package dev.fovea.models;

import dev.fovea.engine.tensor.Tensor;
import java.util.Map;
import java.util.Objects;

/// Finds in pictures what a text names.
public interface DetectsPhrases {
  /// The results of a pass.
  ///
  /// @param logits `[B, Q, N]`: how well each token of the text fits each box, before the sigmoid; `-∞` for padding
  /// @param boxes `[B, Q, 4]`: centre x, centre y, width and height, as shares of the picture's width and height
  record Boxes(Tensor logits, Tensor boxes) {
    public Boxes {
      Objects.requireNonNull(logits, "logits");
      Objects.requireNonNull(boxes, "boxes");
    }
  }

  /// Number of tokens of the longest text that is read, including the first and the last.
  int maxTokens();

  /// Size of the vocabulary.
  int vocabSize();

  /// The boxes of all queries.
  ///
  /// @param inputs those of [Model#inputs], as [Model#prepared] completes them
  Boxes boxes(Map<String, Tensor> inputs);
}
