package dev.fovea.models.argument;

import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Objects;

/// A picture as a program has it, checked for null, and decoded only when the other arguments of the call are checked too.
@FunctionalInterface
public interface PictureInput {
  /// The parameter's name, and the picture's in error messages if it has none of its own.
  String NAME = "picture";

  /// Decodes the picture.
  ///
  /// @throws ImageException if it cannot be read, or is no picture
  Picture decode();

  static PictureInput of(Path file) {
    Objects.requireNonNull(file, NAME);
    return () -> Picture.read(file);
  }

  static PictureInput of(byte[] file) {
    Objects.requireNonNull(file, NAME);
    return () -> Picture.decode(NAME, file);
  }

  static PictureInput of(InputStream file) {
    Objects.requireNonNull(file, NAME);
    return () -> Picture.decode(NAME, file);
  }

  static PictureInput of(BufferedImage image) {
    Objects.requireNonNull(image, NAME);
    return () -> Picture.of(NAME, image);
  }

  static PictureInput of(Picture picture) {
    Objects.requireNonNull(picture, NAME);
    return () -> picture;
  }
}
