package dev.fovea.models.chat;

/// Why an answer ended.
public enum EndReason {
  /// The model chose a token that ends an answer.
  END_TOKEN("end token"),
  /// The text reached a stop string, which is not part of it.
  STOP_STRING("stop string"),
  /// The answer has as many tokens as were allowed.
  TOKEN_LIMIT("token limit"),
  /// The model's positions, or the session's memory for them, are used up.
  CONTEXT_FULL("context full"),
  /// The caller ended it.
  CANCELLED("cancelled");

  private final String words;

  EndReason(String words) {
    this.words = words;
  }

  /// In words, such as `token limit`.
  @Override
  public String toString() {
    return words;
  }
}
