package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import dev.fovea.cli.CommandsTest.Run;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.mask.RunLengths;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `detect` with the embedded Grounding DINO and Segment Anything on the scenes that came with them.
class DetectDemoTest {
  private static final String DEMO = "src/main/resources/dev/fovea/cli/demo/";
  private static final String MODEL = DEMO + "grounding-dino.safetensors", SAM = DEMO + "sam.safetensors";
  private static final String FIRST = "src/test/resources/scenes/00.png", TENTH = "src/test/resources/scenes/09.png";
  private static final String SENTENCE = "a orange triangle. a orange square. a purple star. a yellow circle. a red triangle.";

  @TempDir
  private Path folder;

  private static Run detect(String... arguments) {
    var all = new ArrayList<>(List.of("detect", MODEL));
    all.addAll(List.of(arguments));
    return fovea(all.toArray(String[]::new));
  }

  private static List<String> each(JsonArray array, String field) {
    return StreamSupport.stream(array.spliterator(), false).map(e -> e.getAsJsonObject().get(field).getAsString()).toList();
  }

  private List<String> files() throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  /// The contract of the command line.
  @Test
  void json() {
    var run = detect(FIRST, SENTENCE, "--json");
    assertThat(run).as(run.err()).returns(0, Run::status).returns("", Run::err);
    var answers = JsonParser.parseString(run.out()).getAsJsonArray();
    assertThat(answers).hasSize(1);
    var answer = answers.get(0).getAsJsonObject();
    assertThat(answer.keySet()).containsExactly("file", "boxes");
    assertThat(answer.get("file").getAsString()).isEqualTo(FIRST);
    var boxes = answer.getAsJsonArray("boxes");
    assertThat(boxes.get(0).getAsJsonObject().keySet()).containsExactly("box", "score", "label", "phrase");
    assertThat(boxes.get(0).getAsJsonObject().getAsJsonArray("box")).hasSize(4);
    assertThat(each(boxes, "label")).containsExactly("a yellow circle", "a orange triangle", "a purple star");
    assertThat(each(boxes, "phrase").get(1)).isEqualTo("a orange triangle a orange square");
    assertThat(each(boxes, "score").stream().map(Double::valueOf).toList()).isSortedAccordingTo((a, b) -> Double.compare(b, a));
  }

  @Test
  void textAndLabels() throws IOException {
    var run = detect(FIRST, "--labels", "Yellow CIRCLE, star");
    assertThat(run.out().lines()).first().isEqualTo(FIRST);
    assertThat(run.out()).contains("  Yellow CIRCLE  \"yellow circle\"  from ");
    assertThat(detect(FIRST, SENTENCE, "--box-threshold", "1").out().lines())
        .containsExactly(FIRST, "  nothing with a score above 1.0");
    var in = System.in;
    System.setIn(new ByteArrayInputStream(Files.readAllBytes(Path.of(FIRST))));
    try {
      assertThat(detect("-", SENTENCE).out().lines()).hasSize(4).first().isEqualTo("-");
    } finally {
      System.setIn(in);
    }
    assertThat(detect(FIRST, "a red star. ".repeat(20))).returns(2, Run::status).extracting(Run::err).asString()
        .contains("expected at most 48 tokens, got 82");
  }

  @Test
  void suppression() {
    assertThat(detect(TENTH, "a purple triangle.").out().lines()).hasSize(3);
    for (var nms : List.of("label", "agnostic")) assertThat(detect(TENTH, "a purple triangle.", "--nms", nms).out().lines()).hasSize(2);
    assertThat(detect(TENTH, "a purple triangle.", "--nms", "label", "--nms-iou", "1").out().lines()).hasSize(3);
  }

  /// A picture that cannot be read keeps its number.
  @Test
  void drawings() throws IOException {
    var one = folder.resolve("one.png");
    assertThat(detect(FIRST, SENTENCE, "-o", one.toString()).out()).startsWith(FIRST + " -> " + one);
    Picture drawn = Picture.read(one), scene = Picture.read(Path.of(FIRST));
    assertThat(drawn).returns(scene.width(), Picture::width).returns(scene.height(), Picture::height);
    assertThat(drawn.rgb()).isNotEqualTo(scene.rgb());
    var several = detect(FIRST, "no-such.png", TENTH, SENTENCE, "-o", folder.resolve("out.png").toString());
    assertThat(several).returns(2, Run::status).returns("fovea: no-such.png: no such file\n", Run::err);
    assertThat(files()).containsExactly("one.png", "out-1.png", "out-3.png");
    assertThat(folder.resolve("out-1.png")).hasSameBinaryContentAs(one);
  }

  @Test
  void masks() throws IOException {
    var overlay = folder.resolve("overlay.png");
    var run = detect(FIRST, SENTENCE, "--mask", SAM, "-o", overlay.toString());
    assertThat(run.out()).contains(" pixels").startsWith(FIRST + " -> " + overlay);
    Files.delete(overlay);
    var coco = detect(FIRST, TENTH, SENTENCE, "--mask", SAM, "--form", "binary", "--json", "-o", folder.resolve("m.png").toString())
        .json();
    assertThat(coco.keySet()).containsExactly("images", "categories", "annotations");
    assertThat(each(coco.getAsJsonArray("images"), "file_name")).containsExactly(FIRST, TENTH);
    assertThat(each(coco.getAsJsonArray("categories"), "name"))
        .containsExactly("a orange triangle", "a orange square", "a purple star", "a yellow circle", "a red triangle");
    var annotations = coco.getAsJsonArray("annotations");
    assertThat(each(annotations, "category_id")).startsWith("4", "1", "3");
    var expected = new ArrayList<String>();
    for (JsonElement element : annotations) {
      var annotation = element.getAsJsonObject();
      assertThat(annotation.keySet()).containsExactly("id", "image_id", "category_id", "iscrowd", "segmentation", "area", "bbox",
          "score", "predicted_iou", "phrase", "box");
      var runs = RunLengths.ofCompressed(128, 128, annotation.getAsJsonObject("segmentation").get("counts").getAsString());
      assertThat(runs.area()).isEqualTo(annotation.get("area").getAsLong()).isPositive();
      var file = "m-" + annotation.get("id").getAsInt() + ".png";
      expected.add(file);
      var picture = ImageIO.read(folder.resolve(file).toFile());
      int white = 0;
      for (int i = 0; i < 128 * 128; i++) if ((picture.getRGB(i % 128, i / 128) & 0xffffff) != 0) white++;
      assertThat(white).isEqualTo((int) runs.area());
    }
    assertThat(files()).containsExactlyInAnyOrderElementsOf(expected);
    assertThat(detect(FIRST, SENTENCE, "--mask", SAM, "--box-threshold", "1", "--json").json().getAsJsonArray("annotations")).isEmpty();
    assertThat(fovea("detect", MODEL, FIRST, SENTENCE, "--mask", MODEL)).returns(2, Run::status).extracting(Run::err).asString()
        .contains(MODEL + ": expected a Segment Anything model, got family ");
  }
}
