package dev.fovea.models;

import java.util.Objects;

/// Which boxes of a [Detector] are kept.
///
/// ```java
/// var options = DetectionOptions.DEFAULT.withBoxThreshold(0.3f).withSuppression(Suppression.BY_LABEL);
/// ```
///
/// @param boxThreshold a box is kept if its score is larger: 0 keeps all boxes, 1 none
/// @param textThreshold a token is part of a box's phrase if its probability is larger
/// @param suppression which of several boxes around one thing are dropped
/// @param suppressionIou two boxes are around one thing if their intersection over union is larger
public record DetectionOptions(float boxThreshold, float textThreshold, Suppression suppression, double suppressionIou) {
  /// Thresholds of 0.35 and 0.25, as published, and every box above them (ref: IDEA-Research/GroundingDINO, `README.md`). Boxes
  /// that suppression, once chosen, takes for duplicates have an intersection over union above 0.8 (ref: Grounded-Segment-Anything,
  /// `grounded_sam_simple_demo.py`).
  public static final DetectionOptions DEFAULT = new DetectionOptions(0.35f, 0.25f, Suppression.NONE, 0.8);

  /// Which of several boxes around one thing are dropped.
  public enum Suppression {
    /// None.
    NONE,
    /// Of boxes with the same label, all but the one with the highest score.
    BY_LABEL,
    /// Of all boxes, all but the one with the highest score.
    AGNOSTIC
  }

  /// @throws IllegalArgumentException if a number is not in `[0, 1]`
  public DetectionOptions {
    requireShare("boxThreshold", boxThreshold);
    requireShare("textThreshold", textThreshold);
    Objects.requireNonNull(suppression, "suppression");
    requireShare("suppressionIou", suppressionIou);
  }

  private static void requireShare(String name, Number value) {
    if (!(value.doubleValue() >= 0 && value.doubleValue() <= 1))
      throw new IllegalArgumentException(name + ": expected 0 to 1, got " + value);
  }

  /// The same options with this threshold.
  public DetectionOptions withBoxThreshold(float boxThreshold) {
    return new DetectionOptions(boxThreshold, textThreshold, suppression, suppressionIou);
  }

  /// The same options with this threshold.
  public DetectionOptions withTextThreshold(float textThreshold) {
    return new DetectionOptions(boxThreshold, textThreshold, suppression, suppressionIou);
  }

  /// The same options with this suppression.
  public DetectionOptions withSuppression(Suppression suppression) {
    return new DetectionOptions(boxThreshold, textThreshold, suppression, suppressionIou);
  }

  /// The same options with this intersection over union.
  public DetectionOptions withSuppressionIou(double suppressionIou) {
    return new DetectionOptions(boxThreshold, textThreshold, suppression, suppressionIou);
  }
}
