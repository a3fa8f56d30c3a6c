package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// Lossy pictures are decoded to the bits that libwebp makes of them.
///
/// The pictures and what libwebp 1.2.4 made of them are in `lossy-webp.zip`, which `src/test/webp/MakeLossyPictures.java` makes.
class LossyPicturesTest {
  private static final PictureArchive ARCHIVE = new PictureArchive("/lossy-webp.zip", LossyPicturesTest::decode);

  static byte[] resource(String name) {
    try (var in = LossyPicturesTest.class.getResourceAsStream(name)) {
      assertThat(in).as(name).isNotNull();
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A picture of the archive.
  static byte[] archived(String name) {
    return ARCHIVE.file(name);
  }

  /// Decodes the first chunk of lossy pixels of a WebP.
  static Vp8Decoder.Frame decode(byte[] webp) {
    int at = 12;
    while (at + 8 <= webp.length) {
      int size = FrameTag.littleEndian(webp, at + 4, 4);
      if (new String(webp, at, 4, StandardCharsets.US_ASCII).equals("VP8 "))
        return Vp8Decoder.decode(webp, at + 8, (int) Math.min(webp.length, at + 8L + size));
      at += 8 + size + (size & 1);
    }
    throw new WebpException("there is no lossy picture");
  }

  @Test
  void aThousandPicturesOfLibwebpsEncoder() {
    var pictures = ARCHIVE.expected("encoded-");
    assertThat(pictures).hasSize(1000).noneMatch(PictureArchive.Expected::refused);
    pictures.forEach(ARCHIVE::check);
  }

  @Test
  void picturesBesideAnAlphaPlane() {
    var pictures = ARCHIVE.expected("alpha-");
    assertThat(pictures).hasSize(60).noneMatch(PictureArchive.Expected::refused);
    pictures.forEach(ARCHIVE::check);
  }

  @Test
  void largePicturesInPartitions() {
    var pictures = ARCHIVE.expected("large-");
    assertThat(pictures).hasSize(3).noneMatch(PictureArchive.Expected::refused);
    pictures.forEach(ARCHIVE::check);
  }

  /// Headers that libwebp's encoder never writes: deltas of the filter and of the quantizers, segments that add to the frame's
  /// numbers; and coefficients that overflow.
  @Test
  void framesWithRandomHeadersModesAndCoefficients() {
    var pictures = ARCHIVE.expected("random-");
    assertThat(pictures).hasSize(300);
    pictures.forEach(ARCHIVE::check);
  }

  /// Changed bytes, cut frames and empty partitions are refused where libwebp refuses them, and decoded alike where it does not.
  @Test
  void brokenPicturesAsLibwebpTakesThem() {
    var pictures = ARCHIVE.expected("mutated-");
    assertThat(pictures).hasSizeGreaterThan(190).anyMatch(PictureArchive.Expected::refused).anyMatch(e -> !e.refused());
    pictures.forEach(ARCHIVE::check);
  }

  @TestFactory
  List<DynamicTest> thePicturesOfReports() {
    var cases = JsonParser.parseString(new String(resource("/pictures/cases.json"), StandardCharsets.UTF_8)).getAsJsonObject();
    var tests = new ArrayList<DynamicTest>();
    for (var name : cases.keySet())
      if (name.matches("(cut-)?lossy.*\\.webp"))
        tests.add(DynamicTest.dynamicTest(name, () -> report(name, cases.getAsJsonObject(name))));
    assertThat(tests).hasSize(26);
    return tests;
  }

  private static void report(String name, JsonObject expected) throws IOException {
    var webp = resource("/pictures/" + name);
    if (expected.has("refused")) {
      assertThatExceptionOfType(WebpException.class).isThrownBy(() -> decode(webp));
      return;
    }
    var image = ImageIO.read(new ByteArrayInputStream(resource("/pictures/" + name + ".expected.png")));
    var frame = decode(webp);
    assertThat(frame.width()).isEqualTo(image.getWidth());
    assertThat(frame.height()).isEqualTo(image.getHeight());
    for (int y = 0, from = 0; y < frame.height(); y++)
      for (int x = 0; x < frame.width(); x++, from += 3)
        assertThat(HexFormat.of().formatHex(frame.rgb(), from, from + 3)).as("the pixel (%d, %d)", x, y)
            .isEqualTo("%06x".formatted(image.getRGB(x, y) & 0xffffff));
  }
}
