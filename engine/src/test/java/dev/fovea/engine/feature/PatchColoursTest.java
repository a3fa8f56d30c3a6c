package dev.fovea.engine.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.image.Picture;
import java.util.List;
import org.junit.jupiter.api.Test;

class PatchColoursTest {
  /// An object of two kinds of patches, 4 and 6, in the middle of a ground whose patches lie around 0; in the second picture
  /// without a ground in the middle.
  private static PatchFeatures picture(int... kinds) {
    var values = new float[3 * kinds.length];
    for (int i = 0; i < kinds.length; i++) {
      values[3 * i] = kinds[i] == 0 ? 0.01f * (i % 3) : 10;
      values[3 * i + 1] = kinds[i];
      values[3 * i + 2] = kinds[i] == 6 ? 1 : 0;
    }
    return new PatchFeatures(kinds.length / 4, 4, 3, values);
  }

  private static final PatchFeatures FIRST = picture(0, 0, 0, 0, 0, 4, 6, 0, 0, 4, 6, 0, 0, 0, 0, 0);
  private static final PatchFeatures SECOND = picture(0, 0, 0, 0, 0, 4, 4, 0, 0, 0, 0, 0);

  private static int[] pixel(Picture picture, int x, int y) {
    int at = 3 * (y * picture.width() + x);
    return new int[] {picture.rgb()[at] & 0xff, picture.rgb()[at + 1] & 0xff, picture.rgb()[at + 2] & 0xff};
  }

  @Test
  void theObjectIsColouredAndTheGroundBlack() {
    var colours = PatchColours.of(List.of(FIRST, SECOND), false);
    assertThat(colours).extracting(Picture::width).containsExactly(4, 4);
    assertThat(colours).extracting(Picture::height).containsExactly(4, 3);
    var first = colours.getFirst();
    for (int i = 0; i < 4; i++) assertThat(pixel(first, i, 0)).containsExactly(0, 0, 0);
    assertThat(pixel(first, 0, 2)).containsExactly(0, 0, 0);
    // The largest and the smallest value of the first component, whichever sign it has; alike patches have one colour.
    assertThat(new int[] {pixel(first, 1, 1)[0], pixel(first, 2, 1)[0]}).containsExactlyInAnyOrder(0, 255);
    assertThat(pixel(first, 1, 2)).isEqualTo(pixel(first, 1, 1));
    assertThat(pixel(colours.getLast(), 2, 1)).isEqualTo(pixel(first, 1, 1));
    // Nothing varies along the third component.
    assertThat(pixel(first, 2, 2)[0]).isNotEqualTo(pixel(first, 1, 2)[0]);
  }

  @Test
  void theOtherSide() {
    var first = PatchColours.of(List.of(FIRST, SECOND), true).getFirst();
    assertThat(pixel(first, 1, 1)).containsExactly(0, 0, 0);
    assertThat(pixel(first, 2, 2)).containsExactly(0, 0, 0);
    assertThat(pixel(first, 1, 0)).isNotEqualTo(new int[] {0, 0, 0});
  }

  @Test
  void patchesThatAreAllAlikeAreBackground() {
    for (byte sample : PatchColours.of(List.of(new PatchFeatures(2, 2, 5, new float[20])), false).getFirst().rgb()) assertThat(sample).isZero();
  }

  /// Two channels have no third component: no blue.
  @Test
  void fewChannels() {
    var rgb = PatchColours.of(List.of(new PatchFeatures(1, 3, 2, new float[] {0, 0, 1, 5, 1, 9})), false).getFirst().rgb();
    assertThat(rgb).hasSize(9);
    for (int i = 2; i < 9; i += 3) assertThat(rgb[i]).isZero();
  }

  @Test
  void whatDoesNotFitTogether() {
    assertThatThrownBy(() -> PatchColours.of(List.of(), false)).hasMessageContaining("got 0");
    assertThatThrownBy(() -> PatchColours.of(List.of(FIRST, new PatchFeatures(1, 1, 2, new float[2])), false)).hasMessageContaining("expected 3 channels, got 2");
    assertThatThrownBy(() -> new PatchFeatures(2, 2, 2, new float[7])).hasMessageContaining("[2, 2, 2]: got 7 values");
  }
}
