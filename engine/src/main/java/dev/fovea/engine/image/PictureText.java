package dev.fovea.engine.image;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// Texts that are picture files in base64.
final class PictureText {
  private static final String DATA = "data:image/";
  /// The beginnings of picture files in base64. So much more of it follows that it is no word.
  private static final Map<String, String> KINDS = Map.of("iVBORw0KGgo", "PNG", "/9j/", "JPEG", "R0lGOD", "GIF", "UklGR", "WebP");
  private static final Pattern MORE = Pattern.compile("[A-Za-z0-9+/=]{48}");

  private PictureText() {}

  /// The kind of picture, such as `PNG`, of a `data:` URL or of base64 alone; null for other texts.
  static @Nullable String kind(String text) {
    var digits = text.strip();
    if (digits.regionMatches(true, 0, DATA, 0, DATA.length()) && digits.contains(";base64,"))
      return digits.substring(DATA.length(), digits.indexOf(';')).toUpperCase(Locale.ROOT);
    for (var kind : KINDS.entrySet()) {
      var beginning = kind.getKey();
      if (digits.startsWith(beginning) && MORE.matcher(digits).region(beginning.length(), digits.length()).lookingAt())
        return kind.getValue();
    }
    return null;
  }
}
