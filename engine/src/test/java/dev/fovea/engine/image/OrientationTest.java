package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Where a picture's metadata say how the camera was held.
class OrientationTest {
  private static byte[] xmp(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] hex(String bytes) {
    return HexFormat.of().parseHex(bytes.replace(" ", ""));
  }

  /// Big-endian TIFFs: a make that points nowhere and the orientation; a long; three shorts elsewhere; text; no directory.
  @ParameterizedTest
  @CsvSource({
      "4d4d002a00000008 0002 010f000200000040ffffff00 011200030000000100060000 00000000, 6",
      "457869660000 4d4d002a00000008 0001 011200030000000100080000 00000000, 8",
      "4d4d002a00000008 0001 011200040000000100000003 00000000, 3",
      "4d4d002a00000008 0001 011200030000000300000016 000500010001, 5",
      "4d4d002a00000008 0001 0112000200000002 36000000 00000000, 1",
      "4d4d002a00000008 0001 01120003000000030000ffff, 1",
      "4d4d002a00000008 0001 0112000300000000 00060000, 1",
      "4d4d002a00000008 0009 0112000300000001, 1",
      "4d4d002affffffff, 1", "4d4d002a00000007, 1", "58580000, 1", "'', 1"})
  void exif(String bytes, int tag) {
    assertThat(Orientation.of(hex(bytes), null).tag()).isEqualTo(tag);
  }

  @ParameterizedTest
  @CsvSource(quoteCharacter = '\'', value = {
      "<rdf:Description tiff:Orientation=\"6\"/>, 6", "<tiff:Orientation>8</tiff:Orientation>, 8",
      "<tiff:Orientation>x</tiff:Orientation>, 1", "größe tiff:Orientation=\"3\", 3", "exif:Orientation=\"3\", 1", "'', 1"})
  void xmpAsAttributeOrElement(String text, int tag) {
    assertThat(Orientation.ofXmp(xmp(text)).tag()).isEqualTo(tag);
    assertThat(Orientation.of(null, xmp(text)).tag()).isEqualTo(tag);
  }

  @Test
  void exifComesBeforeXmp() {
    var upright = hex("4d4d002a00000008 0001 011200030000000100010000 00000000");
    var silent = hex("4d4d002a00000008 0001 010000030000000100060000 00000000");
    assertThat(Orientation.of(upright, xmp("tiff:Orientation=\"6\"")).tag()).isEqualTo(1);
    assertThat(Orientation.of(silent, xmp("tiff:Orientation=\"6\"")).tag()).isEqualTo(6);
    assertThat(Orientation.of(null, null)).isEqualTo(Orientation.UPRIGHT);
  }

  /// A JPEG of 64 × 32 with a packet of XMP alone.
  @Test
  void xmpOfJpeg() {
    var packet = xmp("http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>");
    var jpeg = Samples.jpeg();
    var bytes = ByteBuffer.allocate(jpeg.length + 4 + packet.length).put(jpeg, 0, 2).putShort((short) 0xffe1)
        .putShort((short) (2 + packet.length)).put(packet).put(jpeg, 2, jpeg.length - 2).array();
    assertThat(Picture.decode("p", bytes).width()).isEqualTo(32);
    assertThat(Picture.decode("p", Samples.exif(bytes, 1, ByteOrder.BIG_ENDIAN, 0)).width()).isEqualTo(64);
  }
}
