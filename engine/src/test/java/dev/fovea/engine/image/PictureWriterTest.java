package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class PictureWriterTest {
  private static Picture filled(int width, int height, int value) {
    var rgb = new byte[3 * width * height];
    java.util.Arrays.fill(rgb, (byte) value);
    return new Picture("filled", width, height, rgb);
  }

  @Test
  void pngKeepsEverySample() {
    var rgb = new byte[3 * 7 * 5];
    for (int i = 0; i < rgb.length; i++) rgb[i] = (byte) (37 * i);
    assertThat(Picture.decode("png", PictureWriter.png(new Picture("p", 7, 5, rgb))).rgb()).isEqualTo(rgb);
  }

  @Test
  void jpegKeepsAnEvenColour() {
    var jpeg = Picture.decode("jpeg", PictureWriter.jpeg(filled(17, 9, 100)));
    assertThat(jpeg).returns(17, Picture::width).returns(9, Picture::height);
    for (byte sample : jpeg.rgb()) assertThat((int) sample).isBetween(99, 101);
  }

  @Test
  void sideBySide() {
    var row = PictureWriter.row("row", List.of(filled(1, 2, 1), filled(2, 1, 2)));
    assertThat(row).returns(3, Picture::width).returns(2, Picture::height);
    assertThat(row.rgb()).containsExactly(1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0);
    assertThatThrownBy(() -> PictureWriter.row("row", Collections.nCopies(101, filled(1000, 1000, 0)))).isInstanceOf(ImageException.class)
        .hasMessage("row: 101 pictures side by side would have 101000x1000 pixels, more than 100000000");
  }
}
