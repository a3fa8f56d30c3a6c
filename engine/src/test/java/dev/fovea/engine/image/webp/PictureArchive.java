package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.zip.CRC32;
import java.util.zip.ZipInputStream;

/// Files in a zip, and what libwebp made of each, in its `expected.txt`.
final class PictureArchive {
  private static final String NO_ROWS = "-";

  private final Map<String, byte[]> files = new LinkedHashMap<>();
  private final Function<byte[], Vp8Decoder.Frame> decoder;

  PictureArchive(String resource, Function<byte[], Vp8Decoder.Frame> decoder) {
    this.decoder = decoder;
    try (var in = new ZipInputStream(new ByteArrayInputStream(LossyPicturesTest.resource(resource)))) {
      for (var entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) files.put(entry.getName(), in.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  byte[] file(String name) {
    return files.get(name);
  }

  /// Those whose names begin with `kind`.
  List<Expected> expected(String kind) {
    return new String(file("expected.txt"), StandardCharsets.UTF_8).lines()
        .map(Expected::of).filter(e -> e.name().startsWith(kind)).toList();
  }

  void check(Expected expected) {
    var webp = file(expected.name());
    if (expected.refused()) {
      assertThatExceptionOfType(WebpException.class).as("%s (%s)", expected.name(), expected.made())
          .isThrownBy(() -> decoder.apply(webp));
      return;
    }
    try {
      expected.compare(decoder.apply(webp));
    } catch (WebpException e) {
      fail(expected.name() + " (" + expected.made() + ") is refused", e);
    }
  }

  /// A line of `expected.txt`.
  ///
  /// @param rows a part of the checksum of each row, or `-`
  record Expected(String name, String size, String hash, String rows, String made) {
    private static Expected of(String line) {
      if (line.split(" ")[1].equals("refused")) {
        var parts = line.split(" ", 3);
        return new Expected(parts[0], parts[1], "", NO_ROWS, parts[2]);
      }
      var parts = line.split(" ", 5);
      return new Expected(parts[0], parts[1], parts[2], parts[3], parts[4]);
    }

    boolean refused() {
      return size.equals("refused");
    }

    private void compare(Vp8Decoder.Frame frame) {
      assertThat(frame.width() + "x" + frame.height()).as("%s (%s)", name, made).isEqualTo(size);
      int stride = 3 * frame.width();
      for (int y = 0; y < frame.height() && !rows.equals(NO_ROWS); y++) {
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
}
