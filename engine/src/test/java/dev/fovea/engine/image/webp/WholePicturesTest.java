package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.image.Picture;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Lossy files as a program reads them: container, alpha beside the picture, and pixels.
class WholePicturesTest {
  private static final PictureArchive ARCHIVE = new PictureArchive("/lossy-webp.zip", WholePicturesTest::decode);

  private static Vp8Decoder.Frame decode(byte[] webp) {
    var picture = Picture.decode("picture", webp);
    return new Vp8Decoder.Frame(picture.width(), picture.height(), picture.rgb());
  }

  @ParameterizedTest
  @CsvSource({"encoded-, 1000", "alpha-, 60", "large-, 3"})
  void wholeFiles(String kind, int count) {
    var pictures = ARCHIVE.expected(kind);
    assertThat(pictures).hasSize(count);
    pictures.forEach(ARCHIVE::check);
  }
}
