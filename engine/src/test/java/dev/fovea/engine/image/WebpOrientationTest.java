package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.image.webp.Riff;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/// A WebP is turned upright as its EXIF or XMP say, and its size is looked at first.
class WebpOrientationTest {
  private static final byte[] WIDE = Riff.lossless(3, 2, 0x102030);
  private static final int XMP = 4, EXIF = 8;
  /// A TIFF whose only entry is the orientation 6.
  private static final String TURNED = "49492a0008000000010012010300010000000600000000000000";

  private static byte[] exif(String hex) {
    return Riff.chunk("EXIF", HexFormat.of().parseHex(hex));
  }

  private static byte[] xmp(int orientation) {
    return Riff.chunk("XMP ", ("<x tiff:Orientation=\"" + orientation + "\"/>").getBytes(StandardCharsets.UTF_8));
  }

  private static boolean isTurned(int flags, byte[]... metadata) {
    var webp = Riff.file(Riff.vp8x(flags, 3, 2), WIDE, metadata[0], metadata[metadata.length - 1]);
    var picture = Picture.decode("p", webp);
    assertThat(picture.width() * picture.height()).isEqualTo(6);
    assertThat(picture.rgb()).startsWith(0x10, 0x20, 0x30);
    return picture.width() == 2;
  }

  @Test
  void exif() {
    assertThat(isTurned(EXIF, exif(TURNED))).isTrue();
    assertThat(isTurned(EXIF, exif("457869660000" + TURNED))).as("behind Exif\\0\\0").isTrue();
    assertThat(isTurned(0, exif(TURNED))).as("the flags do not tell of EXIF").isFalse();
    assertThat(isTurned(EXIF, exif("00"))).as("broken").isFalse();
  }

  @Test
  void xmpWhereExifIsSilent() {
    assertThat(isTurned(XMP, xmp(6))).isTrue();
    assertThat(isTurned(XMP, xmp(1))).isFalse();
    assertThat(isTurned(EXIF | XMP, exif("49492a00080000000000"), xmp(8))).isTrue();
    var upright = exif(TURNED.replace("0300010000000600", "0300010000000100"));
    assertThat(isTurned(EXIF | XMP, upright, xmp(6))).as("EXIF says upright").isFalse();
  }

  @Test
  void hugePicturesAreRefused() {
    var picture = Riff.lossless(16384, 16384, 0);
    for (var webp : new byte[][] {Riff.file(picture), Riff.file(Riff.vp8x(0, 16384, 16384), picture)})
      assertThatThrownBy(() -> Picture.decode("huge.webp", webp)).isInstanceOf(ImageException.class)
          .hasMessage("huge.webp: 16384x16384 pixels are more than the 100000000 that are decoded");
  }

  @Test
  void brokenFilesAreNamed() {
    var webp = Riff.file(Riff.vp8x(0, 3, 3), WIDE);
    assertThatThrownBy(() -> Picture.decode("b.webp", webp)).isInstanceOf(ImageException.class)
        .hasMessage("b.webp: not a readable picture: the picture is 3x2, the file says 3x3");
  }
}
