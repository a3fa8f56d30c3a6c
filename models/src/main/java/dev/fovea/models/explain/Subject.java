package dev.fovea.models.explain;

import dev.fovea.engine.image.Picture;
import dev.fovea.models.argument.Arguments;
import dev.fovea.models.sam.Prompt;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// What a model is shown.
///
/// @param picture null for models of texts
/// @param texts labels, or one sentence, question or text, as the model takes them
/// @param points on an object and beside it, for models that take points
public record Subject(@Nullable Picture picture, List<String> texts, List<Prompt.Point> points) {
  public Subject {
    texts = Arguments.elements(texts, "texts");
    points = Arguments.elements(points, "points");
  }

  /// A picture alone.
  public static Subject of(Picture picture) {
    return new Subject(Objects.requireNonNull(picture, "picture"), List.of(), List.of());
  }

  /// Texts alone.
  public static Subject ofTexts(List<String> texts) {
    return new Subject(null, texts, List.of());
  }

  /// The same with these texts.
  public Subject withTexts(List<String> texts) {
    return new Subject(picture, texts, points);
  }

  /// The same with these points.
  public Subject withPoints(List<Prompt.Point> points) {
    return new Subject(picture, texts, points);
  }
}
