package dev.fovea.models;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// A class that a picture may show.
///
/// @param index the class's number
/// @param label its name
/// @param score its probability, in `[0, 1]`
public record Classification(int index, String label, float score) {
  /// The `top` classes of the largest scores, largest first; of equal ones the first comes first.
  static List<Classification> likeliest(float[] scores, List<String> labels, int top) {
    return IntStream.range(0, scores.length).boxed().sorted(Comparator.comparingDouble(i -> -scores[i])).limit(top)
        .map(i -> new Classification(i, labels.get(i), scores[i])).toList();
  }
}
