package dev.fovea.engine.checkpoint;

import dev.fovea.engine.text.OneLine;

/// Thrown when a checkpoint is invalid or unexpected, or fails to be read or written. The message is one line with its name.
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public CheckpointException(String message) {
    super(OneLine.of(message));
  }

  public CheckpointException(String message, Throwable cause) {
    super(OneLine.of(message), cause);
  }
}
