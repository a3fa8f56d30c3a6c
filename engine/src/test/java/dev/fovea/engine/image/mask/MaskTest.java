package dev.fovea.engine.image.mask;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.image.Picture;
import java.awt.Polygon;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

/// Masks, their forms and what is counted of them.
class MaskTest {
  /// A row a string, `#` inside.
  private static Mask mask(String... rows) {
    var pixels = new boolean[rows.length * rows[0].length()];
    for (int i = 0; i < pixels.length; i++) pixels[i] = rows[i / rows[0].length()].charAt(i % rows[0].length()) == '#';
    return new Mask(rows[0].length(), rows.length, pixels);
  }

  private static Mask random(Random random, double share) {
    var pixels = new boolean[(1 + random.nextInt(40)) * 23];
    for (int i = 0; i < pixels.length; i++) pixels[i] = random.nextDouble() < share;
    return new Mask(23, pixels.length / 23, pixels);
  }

  @Test
  void areaBoxAndAgreement() {
    var a = mask(".....", "..##.", "..#..");
    assertThat(a.area()).isEqualTo(3);
    assertThat(a.box()).isEqualTo(new Box(2, 1, 3, 2));
    assertThat(a.iou(mask(".....", "..#..", ".##.."))).isCloseTo(2.0 / 4, within(1e-12));
    assertThat(mask("...").box()).isEqualTo(new Box(0, 0, 0, 0));
    assertThat(mask("...").iou(mask("..."))).isEqualTo(1);
    assertThat(a.inside(1, 2, 8, 6).box()).isEqualTo(new Box(3, 3, 4, 4));
    assertThat(a.inverted().area()).isEqualTo(12);
    assertThatThrownBy(() -> a.iou(mask("..."))).isInstanceOf(IllegalArgumentException.class);
  }

  /// Runs by hand, and texts by the rules of `maskApi.c` worked out by hand: 5 bits a character, from the third run differences.
  @Test
  void runLengths() {
    var runs = RunLengths.of(mask("..#", "##.", "##."));
    assertThat(runs.counts()).containsExactly(1, 2, 1, 3, 2);
    assertThat(runs.compressed()).isEqualTo("12" + "1" + "1" + "1");
    assertThat(runs.area()).isEqualTo(5);
    assertThat(RunLengths.of(mask("##", "##")).counts()).containsExactly(0, 4);
    assertThat(new RunLengths(10, 20, new int[] {100, 40, 60}).compressed()).isEqualTo("T3" + "X1" + "l1");
    assertThat(new RunLengths(10, 10, new int[] {50, 20, 10, 3, 17}).compressed()).isEqualTo("b1" + "d0" + ":" + "_O" + "7");
  }

  @Test
  void runLengthsComeBack() {
    var random = new Random(1);
    for (int i = 0; i < 200; i++) {
      var mask = random(random, random.nextDouble());
      var runs = RunLengths.of(mask);
      assertThat(runs.mask()).isEqualTo(mask);
      assertThat(RunLengths.ofCompressed(mask.width(), mask.height(), runs.compressed())).isEqualTo(runs);
      assertThat(runs.area()).isEqualTo(mask.area());
    }
    for (var wrong : List.of("", "1", "!", "~~~~~~~~~", "P", "T3X1", "ooooooooo0"))
      assertThatThrownBy(() -> RunLengths.ofCompressed(5, 5,
          wrong)).as(wrong).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("run lengths: ");
  }

  @Test
  void contoursOfShapes() {
    assertThat(Contours.outer(mask("....", ".##.", ".##.", "...."))).hasSize(1);
    assertThat(Contours.outer(mask("....", ".##.", ".##.", "....")).getFirst()).containsExactly(3, 1, 3, 3, 1, 3, 1, 1);
    assertThat(Contours.outer(mask("#.", ".#"))).as("pixels that touch at a corner").hasSize(1);
    assertThat(Contours.outer(mask("###", "#.#", "###"))).hasSize(1);
    assertThat(Contours.all(mask("###", "#.#", "###"))).hasSize(2);
    assertThat(Contours.outer(mask("..."))).isEmpty();
  }

  /// The outlines, filled by the even-odd rule, are the mask; what they enclose is its area; the outer ones are as many as its
  /// parts.
  @Test
  void outlinesEncloseTheMask() {
    var random = new Random(2);
    for (int i = 0; i < 100; i++) {
      var mask = random(random, random.nextDouble());
      var rings = Contours.all(mask);
      assertThat(rings.stream().mapToLong(Contours::area).sum()).isEqualTo(mask.area());
      assertThat(Contours.outer(mask)).hasSize(Components.of(mask).count());
      for (int at = 0; at < mask.pixels().length; at++) {
        int x = at % mask.width(), y = at / mask.width();
        assertThat(rings.stream().filter(ring -> polygon(ring).contains(2 * x + 1, 2 * y
            + 1)).count() % 2 == 1).isEqualTo(mask.at(x, y));
      }
    }
  }

  /// Twice as large, so that centres of pixels are whole numbers.
  private static Polygon polygon(int[] ring) {
    var polygon = new Polygon();
    for (int i = 0; i < ring.length; i += 2) polygon.addPoint(2 * ring[i], 2 * ring[i + 1]);
    return polygon;
  }

  @Test
  void smallRegions() {
    var mask = mask("####...#", "#.##....", "####..##", "......##");
    assertThat(Components.of(mask).count()).isEqualTo(3);
    assertThat(Components.withoutHoles(mask, 2)).isEqualTo(mask("####...#", "####....", "####..##", "......##"));
    assertThat(Components.withoutIslands(mask, 3)).isEqualTo(mask("####....", "#.##....", "####..##", "......##"));
    assertThat(Components.withoutIslands(mask, 100)).as("the largest stays").isEqualTo(mask("####....", "#.##....", "####....",
        "........"));
    assertThat(Components.withoutIslands(mask, 1)).isSameAs(mask);
    assertThat(Components.withoutHoles(mask, 1)).isSameAs(mask);
  }

  @Test
  void boxesThatRepeatEachOther() {
    var boxes = List.of(new Box(0, 0, 10, 10), new Box(1, 0, 11, 10), new Box(20, 20, 30, 30), new Box(0, 0, 5, 10));
    assertThat(boxes.get(0).iou(boxes.get(1))).isCloseTo(90.0 / 110, within(1e-12));
    assertThat(Box.keep(boxes, new double[] {0.5, 0.9, 0.1, 0.7}, 0.7)).containsExactly(1, 3, 2);
    assertThat(Box.keep(boxes, new double[] {1, 1, 1, 1}, 0.7)).as("of equals the first").containsExactly(0, 2, 3);
    assertThat(Box.keep(boxes, new double[] {0.5, 0.9, 0.1, 0.7}, 0.9)).hasSize(4);
    assertThat(new Box(3, 3, 3, 3).iou(new Box(3, 3, 3, 3))).isZero();
  }

  @Test
  void boxesThatAreCut() {
    Box part = new Box(100, 0, 300, 200), whole = new Box(0, 0, 640, 200);
    assertThat(new Box(110, 50, 200, 150).isCutBy(part, whole, 20)).isTrue();
    assertThat(new Box(150, 0, 200, 200).isCutBy(part, whole, 20)).as("at the picture's own border").isFalse();
    assertThat(new Box(150, 50, 290, 150).isCutBy(part, whole, 20)).isTrue();
    assertThat(new Box(121, 50, 279, 150).isCutBy(part, whole, 20)).isFalse();
  }

  @Test
  void pictures() throws IOException {
    var grey = new byte[3 * 3 * 2];
    java.util.Arrays.fill(grey, (byte) 100);
    var picture = new Picture("grey", 3, 2, grey);
    var mask = mask(".##", "...");
    var cut = ImageIO.read(new ByteArrayInputStream(MaskPainter.cutOut(picture, mask)));
    assertThat(cut.getRGB(0, 0)).isZero();
    assertThat(cut.getRGB(1, 0)).isEqualTo(0xff646464);
    assertThat(Mask.of(Picture.decode("binary", MaskPainter.binary(mask)))).isEqualTo(mask);
    var overlay = ImageIO.read(new ByteArrayInputStream(MaskPainter.overlay(picture, List.of(mask))));
    assertThat(overlay.getRGB(0, 1)).isEqualTo(0xff646464);
    assertThat(overlay.getRGB(1, 0)).isNotEqualTo(0xff646464);
    assertThatThrownBy(() -> MaskPainter.cutOut(picture, mask("#"))).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void boxesInsideAPicture() {
    assertThat(new Box(-3, -0.5f, 12.5f, 7).clippedTo(10, 8)).isEqualTo(new Box(0, 0, 10, 7));
    assertThat(new Box(1, 2, 3, 4).clippedTo(10, 8)).isEqualTo(new Box(1, 2, 3, 4));
    assertThat(new Box(-3, 9, -1, 12).clippedTo(10, 8)).isEqualTo(new Box(0, 8, 0, 8));
  }
}
