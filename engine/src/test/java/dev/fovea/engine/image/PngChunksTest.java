package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// PNGs with chunks that are broken, missing, or tell how the picture was held.
class PngChunksTest {
  /// 3 × 2 pixels.
  private static final byte[] PNG = Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), "png");
  /// Where the first chunk behind `IHDR` begins, and `IEND`.
  private static final int BEHIND_HEADER = 8 + 25, IEND = PNG.length - 12;
  private static final byte[] EXIF = HexFormat.of().parseHex("4d4d002a000000080001011200030000000100060000" + "00000000");
  private static final String XMP = "XML:com.adobe.xmp\0", PACKET = "<x tiff:Orientation=\"6\"/>";

  private static byte[] chunk(String type, byte[] content) {
    var chunk = ByteBuffer.allocate(12 + content.length).putInt(content.length).put(latin(type)).put(content);
    var crc = new CRC32();
    crc.update(chunk.array(), 4, 4 + content.length);
    return chunk.putInt((int) crc.getValue()).array();
  }

  private static byte[] latin(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] with(int at, byte[]... chunks) {
    var out = new ByteArrayOutputStream();
    out.write(PNG, 0, at);
    for (var chunk : chunks) out.writeBytes(chunk);
    out.write(PNG, at, PNG.length - at);
    return out.toByteArray();
  }

  private static byte[] packed(byte[] content) {
    var out = new ByteArrayOutputStream();
    try (var deflater = new DeflaterOutputStream(out)) {
      deflater.write(content);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return out.toByteArray();
  }

  private static byte[] joined(byte[] first, byte[] second) {
    return ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
  }

  private static void isUpright(byte[] png) {
    var p = Picture.decode("p", png);
    assertThat(p.width()).isEqualTo(3);
    assertThat(p.rgb()).isEqualTo(Samples.RGB);
  }

  private static void isTurned(byte[] png) {
    var p = Picture.decode("p", png);
    assertThat(p.width()).isEqualTo(2);
    assertThat(Arrays.copyOf(p.rgb(), 6)).isEqualTo(new byte[] {10, 20, 30, -1, 0, 0});
  }

  @ParameterizedTest
  @ValueSource(strings = {"iTXt", "zTXt", "tEXt", "iCCP", "gAMA", "sBIT", "cHRM", "sRGB", "pHYs", "tIME", "bKGD", "hIST", "tRNS", "eXIf",
      "sPLT", "abCd", "caBX", "CgXX"})
  void otherChunksMayHoldAnything(String type) {
    for (var content : new byte[][] {{}, {0}, latin("no such thing"), new byte[300]}) {
      isUpright(with(BEHIND_HEADER, chunk(type, content)));
      isUpright(with(IEND, chunk(type, content)));
      var wrong = chunk(type, content);
      wrong[wrong.length - 1] ^= 1;
      isUpright(with(BEHIND_HEADER, wrong));
    }
  }

  @Test
  void checksumsOfWhatThePixelsNeed() {
    for (int at : new int[] {BEHIND_HEADER - 1, IEND - 1}) {
      var wrong = PNG.clone();
      wrong[at] ^= 1;
      assertThatThrownBy(() -> Picture.decode("p.png", wrong)).isInstanceOf(ImageException.class)
          .hasMessageMatching("p\\.png: not a readable picture: the checksum of a chunk (IHDR|IDAT) is wrong");
    }
  }

  @Test
  void whatFollowsThePixels() {
    isUpright(Arrays.copyOf(PNG, IEND));
    isUpright(joined(PNG, new byte[] {1, 2, 3}));
    isUpright(joined(Arrays.copyOf(PNG, IEND), new byte[40]));
    isUpright(joined(Arrays.copyOf(PNG, IEND), new byte[] {-1, -1, -1, -1, 't', 'E', 'X', 't', 1}));
  }

  @Test
  void noPixels() {
    for (int length : new int[] {8, 20, BEHIND_HEADER, BEHIND_HEADER + 8, BEHIND_HEADER + 12})
      assertThatThrownBy(() -> Picture.decode("p.png", Arrays.copyOf(PNG, length))).isInstanceOf(ImageException.class)
          .hasMessageStartingWith("p.png: not a readable picture: ").hasMessageNotContaining("\n");
  }

  @Test
  void exif() {
    isTurned(with(BEHIND_HEADER, chunk("eXIf", EXIF)));
    isTurned(with(IEND, chunk("eXIf", EXIF)));
  }

  /// As ImageMagick writes it, in lines of hexadecimal digits.
  @ParameterizedTest
  @ValueSource(strings = {"tEXt", "zTXt", "iTXt", "iTXt packed"})
  void rawProfile(String kind) {
    var digits = HexFormat.of().formatHex(joined(latin("Exif\0\0"), EXIF));
    var text = latin("\nexif\n      " + (6 + EXIF.length) + "\n" + digits.substring(0, 20) + "\n" + digits.substring(20)
        + "\n");
    var keyword = latin("Raw profile type exif\0");
    var content = switch (kind) {
      case "tEXt" -> text;
      case "zTXt" -> joined(new byte[1], packed(text));
      case "iTXt" -> joined(latin("\0\0en\0\0"), text);
      default -> joined(latin("\1\0\0größe\0"), packed(text));
    };
    isTurned(with(BEHIND_HEADER, chunk(kind.substring(0, 4), joined(keyword, content))));
  }

  @Test
  void xmp() {
    isTurned(with(BEHIND_HEADER, chunk("iTXt", latin(XMP + "\0\0\0\0" + PACKET))));
    isTurned(with(IEND, chunk("iTXt", joined(latin(XMP + "\1\0\0\0"), packed(latin(PACKET))))));
    isUpright(with(BEHIND_HEADER, chunk("iTXt", latin("Comment\0\0\0\0\0" + PACKET))));
    isUpright(with(BEHIND_HEADER, chunk("iTXt", latin(XMP + "\0\0\0\0" + PACKET)), chunk("eXIf", HexFormat.of().parseHex(
        "4d4d002a000000080001011200030000000100010000" + "00000000"))));
  }

  /// Texts that unpack to gigabytes, many of them: the first of a kind is unpacked up to a bound.
  @Test
  void hugeTexts() {
    var bomb = packed(new byte[1 << 26]);
    var chunk = chunk("iTXt", joined(latin(XMP + "\1\0\0\0"), bomb));
    var profile = chunk("zTXt", joined(latin("Raw profile type exif\0\0"), bomb));
    var chunks = new byte[400][];
    for (int i = 0; i < chunks.length; i++) chunks[i] = i % 2 == 0 ? chunk : profile;
    long began = System.nanoTime();
    isUpright(with(BEHIND_HEADER, chunks));
    assertThat(System.nanoTime() - began).isLessThan(3_000_000_000L);
  }
}
