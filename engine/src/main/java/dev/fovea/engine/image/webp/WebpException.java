package dev.fovea.engine.image.webp;

/// A WebP picture that cannot be decoded. The message is one line that says what was found, without a file's name.
public final class WebpException extends RuntimeException {
  private static final long serialVersionUID = 1;

  WebpException(String message) {
    super(message);
  }
}
