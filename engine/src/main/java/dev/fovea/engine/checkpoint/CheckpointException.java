package dev.fovea.engine.checkpoint;

import dev.fovea.engine.text.OneLine;

/// Thrown when a checkpoint is broken, or is not the one that was expected. The message is one line that names the file.
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public CheckpointException(String message) {
    super(OneLine.of(message));
  }

  public CheckpointException(String message, Throwable cause) {
    super(OneLine.of(message), cause);
  }
}
