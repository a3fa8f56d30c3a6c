package dev.fovea.engine.text;

/// Thrown when a text cannot be encoded as its tokenizer specifies. The message is one line.
public final class TokenizerException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public TokenizerException(String message) {
    super(OneLine.of(message));
  }

  public TokenizerException(String message, Throwable cause) {
    super(OneLine.of(message), cause);
  }
}
