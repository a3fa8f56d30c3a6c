package dev.fovea.engine.image.mask;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.image.Picture;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Labelled boxes on a picture.
class BoxPainterTest {
  private static Picture painted(int width, int height, LabelledBox... boxes) {
    return Picture.decode("painted", BoxPainter.overlay(new Picture("black", width, height, new byte[3 * width * height]),
        List.of(boxes)));
  }

  private static int at(Picture p, int x, int y) {
    int i = 3 * (y * p.width() + x);
    return (p.rgb()[i] & 0xff) << 16 | (p.rgb()[i + 1] & 0xff) << 8 | p.rgb()[i + 2] & 0xff;
  }

  @Test
  void boxesHaveAnOutlineOfTheirOwnColour() {
    var picture = painted(100, 80, new LabelledBox("", new Box(10, 20, 30, 40)), new LabelledBox("", new Box(50, 20, 70, 40)));
    int first = at(picture, 10, 20), second = at(picture, 50, 20);
    assertThat(first).isNotEqualTo(second).isNotZero();
    for (int i = 10; i < 30; i++) assertThat(List.of(at(picture, i, 20), at(picture, i, 39), at(picture, 10, i + 10),
        at(picture, 29, i + 10))).containsOnly(first);
    for (int[] outside : new int[][] {{9, 20}, {30, 30}, {20, 40}, {20, 19}, {20, 30}})
      assertThat(at(picture, outside[0], outside[1])).isZero();
  }

  @Test
  void labelsStandAboveOrInside() {
    var above = painted(100, 80, new LabelledBox("star", new Box(10, 40, 60, 70)));
    assertThat(at(above, 10, 30)).isEqualTo(at(above, 10, 45));
    var inside = painted(100, 80, new LabelledBox("star", new Box(10, 5, 60, 70)));
    assertThat(at(inside, 15, 6)).isEqualTo(at(inside, 10, 45));
    assertThat(at(inside, 15, 3)).isZero();
  }

  /// Below its box each mask has the box's colour, which is that of its number in any picture.
  @Test
  void masksHaveTheColoursOfTheirBoxes() {
    var black = new Picture("black", 100, 80, new byte[3 * 100 * 80]);
    var pixels = new boolean[100 * 80];
    for (int y = 45; y < 60; y++) for (int x = 15; x < 25; x++) pixels[y * 100 + x] = true;
    var box = new LabelledBox("star", new Box(10, 40, 30, 70));
    var empty = new LabelledBox("", new Box(50, 40, 70, 70));
    var masks = List.of(new Mask(100, 80, pixels), new Mask(100, 80, new boolean[100 * 80]));
    var picture = Picture.decode("painted", BoxPainter.overlay(black, List.of(box, empty), masks, List.of(4, 4)));
    assertThat(at(picture, 10, 60)).isEqualTo(at(picture, 50, 60)).isEqualTo(at(picture, 15, 45)).isNotEqualTo(at(picture, 20, 50));
    assertThat(at(picture, 20, 50)).isNotZero();
    assertThat(at(picture, 27, 50)).isZero();
    var alone = Picture.decode("painted", BoxPainter.overlay(black, List.of(empty), List.of(), List.of(4)));
    assertThat(at(alone, 50, 60)).isEqualTo(at(picture, 50, 60));
    assertThat(at(Picture.decode("painted", BoxPainter.overlay(black, List.of(empty), List.of(), List.of(3))), 50, 60))
        .isNotEqualTo(at(alone, 50, 60));
    assertThatThrownBy(() -> BoxPainter.overlay(black, List.of(box), masks, List.of(1))).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("masks: expected one for each of 1 boxes, got 2");
    assertThatThrownBy(() -> BoxPainter.overlay(black, List.of(box), List.of(), List.of()))
        .isInstanceOf(IllegalArgumentException.class).hasMessage("colours: expected one for each of 1 boxes, got 0");
    assertThatThrownBy(() -> BoxPainter.overlay(black, List.of(box), List.of(new Mask(1, 1, new boolean[1])), List.of(1)))
        .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("mask: expected 100x80, got 1x1");
  }

  /// A label at a side moves into the picture, and nothing outside is drawn.
  @Test
  void whatIsOutsideIsLeftOut() {
    var label = "a very long label that no picture of this size can hold";
    for (var box : List.of(new Box(-20, -20, 500, 500), new Box(95, 75, 99, 79), new Box(1e30f, -1e30f, Float.NaN, 3),
        new Box(30, 30, 30, 30)))
      for (var text : List.of(label, "star", "星"))
        assertThat(painted(100, 80, new LabelledBox(text, box)).width()).isEqualTo(100);
    assertThat(at(painted(100, 80, new LabelledBox("star", new Box(95, 70, 99, 79))), 80, 62)).isNotZero();
  }

  @Test
  void aBoxSaysWhereItIs() {
    assertThat(new LabelledBox("a red star", new Box(10.4f, 20, 30, 39.6f))).hasToString("a red star 10,20 30,40");
    assertThat(new LabelledBox("", new Box(1, 2, 3, 4))).hasToString("1,2 3,4");
  }
}
