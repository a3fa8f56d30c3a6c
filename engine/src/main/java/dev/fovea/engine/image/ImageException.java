package dev.fovea.engine.image;

import dev.fovea.engine.text.OneLine;

/// Thrown when a picture cannot be read or used. The message is one line that names the picture.
public final class ImageException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public ImageException(String message) {
    super(OneLine.of(message));
  }

  public ImageException(String message, Throwable cause) {
    super(OneLine.of(message), cause);
  }
}
