package dev.fovea.models;

import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/// A class of a picture or text with its score.
///
/// @param index index of the class
/// @param label its name
/// @param score its probability, in `[0, 1]`
public record Classification(int index, String label, float score) {
  public Classification {
    Objects.requireNonNull(label, "label");
  }

  /// The `top` classes with the largest scores, largest first; equal scores keep their order.
  static List<Classification> likeliest(float[] scores, List<String> labels, int top) {
    return IntStream.range(0, scores.length).boxed().sorted(Comparator.comparingDouble(i -> -scores[i])).limit(top)
        .map(i -> new Classification(i, labels.get(i), scores[i])).toList();
  }
}
