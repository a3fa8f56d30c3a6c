package dev.fovea.langchain4j;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;

/// The small models of drawn shapes, and the pictures that they are judged by.
final class Demo {
  /// Which words fit a picture, beside the vectors of texts: trained as the embedded models, here for these tests.
  static final Path CLIP = path("clip.safetensors");
  /// Classes of pictures.
  static final Path VIT = path("vit.safetensors");
  /// Answers to questions about pictures.
  static final Path VLM = path("vlm.safetensors");
  static final Path SCENES = path("scenes");

  private static final Path SINGLES = path("singles");

  private Demo() {}

  /// A picture of one shape.
  ///
  /// @param truth such as `red star`
  record Single(Path file, String truth) {}

  private static Path path(String name) {
    try {
      return Path.of(Demo.class.getResource("/demo/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static List<Single> singles() {
    try {
      JsonArray all = JsonParser.parseString(Files.readString(SINGLES.resolve("singles.json"))).getAsJsonArray();
      return StreamSupport.stream(all.spliterator(), false).map(each -> each.getAsJsonObject())
          .map(each -> new Single(SINGLES.resolve(each.get("file").getAsString()), each.get("truth").getAsString())).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// One of 24.
  static Path scene(int number) {
    return SCENES.resolve("%02d.png".formatted(number));
  }
}
