package dev.fovea.engine.image.webp;

/// Thrown when a WebP picture cannot be decoded. The message is one line, without the name of the file.
public final class WebpException extends RuntimeException {
  private static final long serialVersionUID = 1;

  WebpException(String message) {
    super(message);
  }
}
