package dev.fovea.models;

/// The method to pool the features of a text's tokens into one vector, as in sentence-transformers' `Pooling`.
public enum TextPooling {
  /// The mean of all tokens, special tokens included.
  MEAN,
  /// The class token, which is the first one.
  CLASS_TOKEN,
  /// The largest value of each channel.
  MAX,
  /// The sum of all tokens, divided by the square root of their number.
  MEAN_SQRT_LENGTH;

  @Override
  public String toString() {
    return switch (this) {
      case MEAN -> "mean";
      case CLASS_TOKEN -> "class";
      case MAX -> "max";
      case MEAN_SQRT_LENGTH -> "mean-sqrt-length";
    };
  }
}
