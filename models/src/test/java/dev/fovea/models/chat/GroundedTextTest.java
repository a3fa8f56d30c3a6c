package dev.fovea.models.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.image.Preprocessing.Size;
import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.image.mask.LabelledBox;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Answers with boxes, in the three published forms, and what only looks like them.
class GroundedTextTest {
  private static final Size SIZE = new Size(198, 99);

  private static void assertBoxes(GroundedText answer, LabelledBox... expected) {
    assertThat(answer.boxes().stream().map(LabelledBox::label)).isEqualTo(List.of(expected).stream().map(LabelledBox::label)
        .toList());
    for (int i = 0; i < expected.length; i++) {
      Box box = answer.boxes().get(i).box(), other = expected[i].box();
      assertThat(new float[] {box.x0(), box.y0(), box.x1(), box.y1()})
          .containsExactly(new float[] {other.x0(), other.y0(), other.x1(), other.y1()}, within(1e-3f));
    }
  }

  private static LabelledBox box(String label, float x0, float y0, float x1, float y1) {
    return new LabelledBox(label, new Box(x0, y0, x1, y1));
  }

  @Test
  void hundredthsOfThePicture() {
    var answer = GroundedText.of("<ref> orange square </ref> <det> 50 00 80 99 </det>", SIZE);
    assertThat(answer.text()).isEqualTo("orange square");
    assertBoxes(answer, box("orange square", 100, 0, 160, 99));
  }

  /// The demo's scenes tell 00 to 99 for 0 to 128 pixels; these boxes are scene 0's and 1's.
  @Test
  void theDemosNumbersMeanItsBoxes() {
    var scene = new Size(128, 128);
    var square = GroundedText.of("<ref> orange square </ref> <det> 48 50 80 83 </det>", scene).boxes().getFirst().box();
    assertThat(square.iou(new Box(62, 65, 104, 107))).isGreaterThan(0.95);
    var ring = GroundedText.of("<ref> red ring </ref> <det> 76 77 94 95 </det>", scene).boxes().getFirst();
    assertThat(ring.toString()).isEqualTo("red ring 98,100 122,123");
  }

  @Test
  void severalBoxesStandInSentences() {
    var answer = GroundedText.of("I see <ref>a star</ref><det>1 2 3 4</det> <det>5 6 7 8</det> and <ref> a ring </ref> "
        + "<det> 10 10 20 20 30 30 40 40 </det>.", SIZE);
    assertThat(answer.text()).isEqualTo("I see a star and a ring.");
    assertBoxes(answer, box("a star", 2, 2, 6, 4), box("a star", 10, 6, 14, 8), box("a ring", 20, 10, 40, 20),
        box("a ring", 60, 30, 80, 40));
  }

  @Test
  void thousandthsOfThePicture() {
    var size = new Size(999, 1998);
    var answer = GroundedText.of("<|ref|>the giraffe<|/ref|><|det|>[[100, 0, 200, 999]]<|/det|> and "
        + "<|ref|>trees<|/ref|><|det|>[[1, 2, 3, 4], [5,6,7,8]]<|/det|>", size);
    assertThat(answer.text()).isEqualTo("the giraffe and trees");
    assertBoxes(answer, box("the giraffe", 100, 0, 200, 1998), box("trees", 1, 4, 3, 8), box("trees", 5, 12, 7, 16));
  }

  /// The square on which the model saw the picture does not count.
  @ParameterizedTest
  @ValueSource(strings = {"<ref>a</ref><det>10 20 30 40</det>", "<|ref|>a<|/ref|><|det|>[[10, 20, 30, 40]]<|/det|>"})
  void sharesAreOfThePictureAsItWasGiven(String answer) {
    assertThat(GroundedText.of(answer, SIZE, new Size(384, 384))).isEqualTo(GroundedText.of(answer, SIZE));
  }

  @Test
  void jsonInPixelsOfTheInput() {
    var json = """
        ```json
        [
        	{"bbox_2d": [10, 20, 30, 40.5], "label": "a \\"big\\" } star"},
        	{"label": "ring", "bbox_2d": [0, 0, 2000, 2000], "score": 1}
        ]
        ```""";
    var answer = GroundedText.of(json, SIZE, new Size(396, 396));
    assertThat(answer.text()).isEqualTo("a \"big\" } star, ring");
    assertBoxes(answer, box("a \"big\" } star", 5, 5, 15, 10.125f), box("ring", 0, 0, 198, 99));
    var alone = GroundedText.of("Here: {\"bbox_2d\": [1, 2, 3, 4]}", SIZE);
    assertThat(alone.text()).isEqualTo("Here: ");
    assertBoxes(alone, box("", 1, 2, 3, 4));
    var sentence = GroundedText.of("First [{\"bbox_2d\": [1, 2, 3, 4], \"label\": \"a\"}] then [{\"bbox_2d\": [1, 2, 3, 4], "
        + "\"label\": \"b\"}] end", SIZE);
    assertThat(sentence.text()).isEqualTo("First a then b end");
    // What is whole of an answer that was cut off counts.
    var cut = GroundedText.of(json.substring(0, json.indexOf("2000]")), SIZE);
    assertThat(cut.boxes()).hasSize(1);
    assertThat(cut.text()).startsWith("a \"big\" } star").contains("\"ring\"");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "no boxes", "<ref> a star </ref>", "<ref> a star </ref> <det> 50 50",
      "<ref> a star <det> 1 2 3 4 </det>",
      "<ref> a </ref> <det> 1 2 3 </det>", "<ref> a </ref> <det> 1 2 3 100 </det>", "<ref> a </ref> <det> 9 2 3 4 </det>",
      "<ref> a </ref> <det> 1 9 3 4 </det>", "<ref> a </ref> <det> 1 2 3 4 5 </det>", "<ref> a </ref> <det> -1 2 3 4 </det>",
      "<ref> a </ref> <det> 99999999999 2 3 4 </det>", "<ref> a </ref> <det></det>", "<ref> a </ref> <det> a b c d </det>",
      "<ref> a </ref> between <det> 1 2 3 4 </det>", "</det></ref><det><ref>", "<det> 1 2 3 4 </det>",
      "<|ref|>a<|/ref|><|det|>[[1, 2, 3, 4]", "<|ref|>a<|/ref|><|det|>[[1, 2, 3, 1000]]<|/det|>",
      "<|ref|>a<|/ref|><|det|>[[]]<|/det|>",
      "<|ref|>a<|/ref|><|det|>[[1 2 3 4]]<|/det|>", "<|ref|>a<|/ref|><det> 1 2 3 4 </det>", "{\"bbox_2d\": [1, 2, 3]}",
      "{\"bbox_2d\": [3, 2, 1, 4], \"label\": \"a\"}", "{\"bbox_2d\": [1, 2, \"x\", 4]}", "{\"bbox_2d\": {\"x\": 1}}",
      "[{\"bbox_2d\": [1, 2",
      "{\"bbox_2d\": [NaN, 2, 3, 4]}", "bbox_2d", "{\"bbox_2d\": [[1], 2, 3, 4]}"})
  void whatBreaksItsFormStaysText(String text) {
    assertThat(GroundedText.of(text, SIZE)).isEqualTo(new GroundedText(text, List.of()));
  }

  /// Pieces of marks in any order neither throw nor take long.
  @Test
  void hostileTextStaysText() {
    var pieces = List.of("<ref>", "</ref>", "<det>", "</det>", "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "[[", "]]", "[", ",",
        " ",
        "1 2 3 4", "1,2,3,4", "{\"bbox_2d\":", "{", "}", "[1,2,3,4]", "\"", "\\", "```json", "```", "\n", "a", "<",
        "\"label\":\"a\"");
    var random = new Random(3);
    for (int run = 0; run < 20_000; run++) {
      var text = new StringBuilder();
      for (int n = random.nextInt(30); n > 0; n--) text.append(pieces.get(random.nextInt(pieces.size())));
      GroundedText.of(text.toString(), SIZE);
    }
    Assertions.assertTimeout(Duration.ofSeconds(20), () -> {
      for (var piece : pieces) {
        var many = piece.repeat(200_000);
        GroundedText.of(many, SIZE);
        GroundedText.of("<ref>a</ref><det>" + many + "</det>", SIZE);
        GroundedText.of("<|ref|>a<|/ref|><|det|>" + many, SIZE);
        GroundedText.of("{\"bbox_2d\": " + many, SIZE);
      }
      var boxes = GroundedText.of("<ref>a</ref>" + "<det>1 2 3 4</det>".repeat(20_000), SIZE);
      assertThat(boxes.boxes()).hasSize(20_000);
    });
  }
}
