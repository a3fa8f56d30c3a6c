package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipInputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// Lossy pictures are decoded to the bits that libwebp makes of them.
///
/// The pictures and what libwebp 1.2.4 made of them are in `lossy-webp.zip`, which `src/test/webp/MakeLossyPictures.java` makes.
class LossyPicturesTest {
  private static final Map<String, byte[]> ARCHIVE = archive();

  private static Map<String, byte[]> archive() {
    var entries = new LinkedHashMap<String, byte[]>();
    try (var in = new ZipInputStream(new ByteArrayInputStream(resource("/lossy-webp.zip")))) {
      for (var entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) entries.put(entry.getName(), in.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return entries;
  }

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
    return ARCHIVE.get(name);
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

  /// A line of `expected.txt`.
  private record Expected(String name, String size, String hash, String rows, String made) {
    static Expected of(String line) {
      if (line.split(" ")[1].equals("refused")) {
        var parts = line.split(" ", 3);
        return new Expected(parts[0], parts[1], "", "", parts[2]);
      }
      var parts = line.split(" ", 5);
      return new Expected(parts[0], parts[1], parts[2], parts[3], parts[4]);
    }

    boolean refused() {
      return size.equals("refused");
    }

    void check() {
      var webp = ARCHIVE.get(name);
      if (refused()) {
        assertThatExceptionOfType(WebpException.class).as("%s (%s)", name, made).isThrownBy(() -> decode(webp));
        return;
      }
      try {
        compare(decode(webp));
      } catch (WebpException e) {
        fail(name + " (" + made + ") is refused", e);
      }
    }

    private void compare(Vp8Decoder.Frame frame) {
      assertThat(frame.width() + "x" + frame.height()).as("%s (%s)", name, made).isEqualTo(size);
      int stride = 3 * frame.width();
      for (int y = 0; y < frame.height(); y++) {
        var crc = new CRC32();
        crc.update(frame.rgb(), stride * y, stride);
        assertThat("%04x".formatted(crc.getValue() & 0xffff))
            .as("%s (%s), %s pixels: the first row that differs is %d", name, made, size, y)
            .isEqualTo(rows.substring(4 * y, 4 * y + 4));
      }
      assertThat(sha256(frame.rgb())).as("%s (%s)", name, made).isEqualTo(hash);
    }

    private static String sha256(byte[] bytes) {
      try {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
      } catch (NoSuchAlgorithmException e) {
        throw new AssertionError(e);
      }
    }
  }

  private static List<Expected> expected(String kind) {
    return new String(ARCHIVE.get("expected.txt"), StandardCharsets.UTF_8).lines()
        .map(Expected::of).filter(e -> e.name().startsWith(kind)).toList();
  }

  @Test
  void aThousandPicturesOfLibwebpsEncoder() {
    var pictures = expected("encoded-");
    assertThat(pictures).hasSize(1000).noneMatch(Expected::refused);
    pictures.forEach(Expected::check);
  }

  @Test
  void picturesBesideAnAlphaPlane() {
    var pictures = expected("alpha-");
    assertThat(pictures).hasSize(60).noneMatch(Expected::refused);
    pictures.forEach(Expected::check);
  }

  @Test
  void largePicturesInPartitions() {
    var pictures = expected("large-");
    assertThat(pictures).hasSize(3).noneMatch(Expected::refused);
    pictures.forEach(Expected::check);
  }

  /// Headers that libwebp's encoder never writes: deltas of the filter and of the quantizers, segments that add to the frame's
  /// numbers; and coefficients that overflow.
  @Test
  void framesWithRandomHeadersModesAndCoefficients() {
    var pictures = expected("random-");
    assertThat(pictures).hasSize(300);
    pictures.forEach(Expected::check);
  }

  /// Changed bytes, cut frames and empty partitions are refused where libwebp refuses them, and decoded alike where it does not.
  @Test
  void brokenPicturesAsLibwebpTakesThem() {
    var pictures = expected("mutated-");
    assertThat(pictures).hasSizeGreaterThan(190).anyMatch(Expected::refused).anyMatch(e -> !e.refused());
    pictures.forEach(Expected::check);
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
