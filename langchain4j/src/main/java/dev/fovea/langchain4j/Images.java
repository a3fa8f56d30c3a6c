package dev.fovea.langchain4j;

import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.langchain4j.data.image.Image;
import dev.langchain4j.exception.UnsupportedFeatureException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Base64;

/// Pictures as LangChain4j has them, and texts that are pictures by mistake.
final class Images {
  private Images() {}

  /// The picture of base64, of a `data:` URL, or of a `file:` URL.
  ///
  /// @param where its name in error messages
  /// @throws ImageException if it is no picture, or the file cannot be read
  /// @throws IllegalArgumentException if it is not base64
  /// @throws UnsupportedFeatureException if it has another URL
  static Picture picture(Image image, String where) {
    if (image.base64Data() != null) return decode(image.base64Data(), where);
    URI url = image.url();
    if (url == null) throw new IllegalArgumentException(where + ": expected base64 or a URL, got neither");
    if ("data".equalsIgnoreCase(url.getScheme())) return decode(url.toString(), where);
    if ("file".equalsIgnoreCase(url.getScheme())) return Picture.read(Path.of(url));
    throw new UnsupportedFeatureException(where + ": expected base64, or a file: or data: URL, because nothing is downloaded, got "
        + url);
  }

  private static Picture decode(String base64, String where) {
    var digits = base64.startsWith("data:") ? base64.substring(base64.indexOf(',') + 1) : base64;
    byte[] file;
    try {
      file = Base64.getDecoder().decode(digits.replaceAll("\\s", ""));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(where + ": expected a picture in base64: " + e.getMessage(), e);
    }
    return Picture.decode(where, file);
  }

  /// The text, unless it is a picture in base64.
  ///
  /// @param where its name in error messages
  /// @throws IllegalArgumentException if it is a `data:` URL of a picture, or the base64 of a picture file
  static String requireWords(String text, String where) {
    var kind = Picture.kindInBase64(text);
    if (kind != null)
      throw new IllegalArgumentException(where + ": expected words, got a picture in base64 (" + kind + ", " + text.length()
          + " characters); give it as ImageContent");
    return text;
  }
}
