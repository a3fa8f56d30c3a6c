package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Pictures of every format, and what PIL makes of them.
class PublishedPicturesTest {
  private static final int COUNT = 61;

  private static byte[] resource(String name) throws IOException {
    try (var in = PublishedPicturesTest.class.getResourceAsStream("/pictures/" + name)) {
      assertThat(in).as("resource %s", name).isNotNull();
      return in.readAllBytes();
    }
  }

  private static JsonObject cases() throws IOException {
    return JsonParser.parseString(new String(resource("cases.json"), StandardCharsets.UTF_8)).getAsJsonObject();
  }

  private static Stream<String> names() throws IOException {
    return cases().keySet().stream();
  }

  @Test
  void noneIsLeftOut() throws IOException {
    assertThat(names()).hasSize(COUNT);
  }

  @ParameterizedTest
  @MethodSource("names")
  void asPilShowsIt(String name) throws IOException {
    var expected = cases().getAsJsonObject(name);
    var bytes = resource(name);
    if (expected.has("refused")) {
      assertThatThrownBy(() -> Picture.decode(name, bytes)).isInstanceOf(ImageException.class)
          .hasMessageStartingWith(name + ": ").hasMessageNotContaining("\n");
      return;
    }
    var picture = Picture.decode(name, bytes);
    var size = expected.getAsJsonArray("size");
    assertThat(picture.width()).isEqualTo(size.get(0).getAsInt());
    assertThat(picture.height()).isEqualTo(size.get(1).getAsInt());
    assertThat(difference(picture, resource(name + ".expected.png"))).isLessThanOrEqualTo(expected.get("tolerance").getAsInt());
  }

  /// The largest difference of a sample from a PNG of plain red, green and blue, which another reader than ours decodes.
  private static int difference(Picture picture, byte[] png) throws IOException {
    var image = ImageIO.read(new ByteArrayInputStream(png));
    assertThat(image.getWidth()).isEqualTo(picture.width());
    assertThat(image.getHeight()).isEqualTo(picture.height());
    assertThat(image.getColorModel().getColorSpace().isCS_sRGB()).isTrue();
    int most = 0;
    for (int i = 0; i < picture.width() * picture.height(); i++) {
      int pixel = image.getRGB(i % picture.width(), i / picture.width());
      for (int c = 0; c < 3; c++) most = Math.max(most, Math.abs((pixel >> 16 - 8 * c & 0xff) - (picture.rgb()[3 * i + c] & 0xff)));
    }
    return most;
  }
}
