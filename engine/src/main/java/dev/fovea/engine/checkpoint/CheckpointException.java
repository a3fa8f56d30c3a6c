package dev.fovea.engine.checkpoint;

/// Thrown when a checkpoint is broken, or is not the one that was expected. The message is one line that names the file.
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public CheckpointException(String message) {
    super(message);
  }

  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
