package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/// Whole files are decoded to the bits that libwebp makes of them, and refused where it refuses them: lossless pictures, alpha
/// planes, animations and chunks of all kinds.
///
/// The files and what libwebp 1.2.4 made of them are in `lossless-webp.zip`, which `src/test/webp/MakeLosslessPictures.java` makes.
class LosslessPicturesTest {
  static final PictureArchive ARCHIVE = new PictureArchive("/lossless-webp.zip", LosslessPicturesTest::decode);

  private static Vp8Decoder.Frame decode(byte[] bytes) {
    if (!WebpFile.isWebp(bytes)) throw new WebpException("no WebP");
    var file = WebpFile.read(bytes);
    return new Vp8Decoder.Frame(file.width(), file.height(), file.rgb());
  }

  @Test
  void picturesOfLibwebpsEncoder() {
    var pictures = ARCHIVE.expected("encoded-");
    assertThat(pictures).hasSize(300).noneMatch(PictureArchive.Expected::refused);
    pictures.forEach(ARCHIVE::check);
  }

  /// Transforms in any order, with every mode; blocks with codes of their own; caches of all sizes; codes of all lengths.
  @Test
  void streamsThatNoEncoderWrites() {
    var pictures = ARCHIVE.expected("stream-");
    assertThat(pictures).hasSize(200).noneMatch(PictureArchive.Expected::refused);
    pictures.forEach(ARCHIVE::check);
  }

  private static void checkBoth(String kind, int count) {
    var pictures = ARCHIVE.expected(kind);
    assertThat(pictures).hasSize(count).anyMatch(PictureArchive.Expected::refused).anyMatch(picture -> !picture.refused());
    pictures.forEach(ARCHIVE::check);
  }

  @Test
  void alphaPlanes() {
    checkBoth("alpha-", 100);
  }

  @Test
  void firstFramesOnTheirCanvas() {
    checkBoth("animated-", 60);
  }

  @Test
  void chunksInAnyOrder() {
    checkBoth("container-", 240);
  }

  @Test
  void brokenFilesAsLibwebpTakesThem() {
    checkBoth("mutated-", 300);
  }

  @Test
  void theLastBytes() {
    checkBoth("end-", 30);
  }

  /// The codes that no pixel uses are read, but get no tables.
  @Test
  void aFewPixelsThatNameManyCodes() {
    ARCHIVE.expected("codes").forEach(ARCHIVE::check);
    byte[] webp = ARCHIVE.file("codes.webp");
    var bits = new BitReader(webp, 20, webp.length);
    for (int i = 0; i < LosslessHeader.BYTES; i++) bits.read(8);
    assertThat(bits.flag()).as("a transform").isFalse();
    assertThat(CodedPixels.read(bits, 8, 4, true).built()).as("codes with tables").isEqualTo(2 * 5);
  }
}
