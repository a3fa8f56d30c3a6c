package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.cli.CommandsTest.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `detect` says of wrong use, before it opens a model.
class DetectCommandTest {
  private static final String FIXTURES = "../weights-converter/src/test/resources/fixtures/";
  private static final String PICTURE = FIXTURES + "vit-tiny/image.png", NO_MODEL = "no-such-model";

  @TempDir
  private Path folder;

  private void requireRefusal(String message, String... arguments) {
    var all = new ArrayList<>(List.of("detect", NO_MODEL));
    all.addAll(List.of(arguments));
    assertThat(fovea(all.toArray(String[]::new))).as(all.toString()).returns(2, Run::status).returns("", Run::out)
        .returns("fovea: " + message + "\n", Run::err);
  }

  @BeforeEach
  void emptyFolder() {
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void aSentenceAndPictures() {
    var example = "such as \"a giraffe on the left. a red car.\", or --labels";
    requireRefusal("expected a picture and a sentence, " + example + ", got only 'a red car.'", "a red car.");
    for (var file : List.of(PICTURE, "typo.png", "-", folder.toString()))
      requireRefusal(file + ": expected a sentence after the pictures, " + example + ", got a file", PICTURE, file);
    requireRefusal(PICTURE + ": expected a sentence after the pictures, " + example + ", got a file", "a red car.", PICTURE);
    requireRefusal("sentence: expected at least one word, got '. '", PICTURE, ". ");
    requireRefusal("sentence: expected at least one word, got ''", PICTURE, "");
    requireRefusal("--labels: expected at least one word in each, got ''", PICTURE, "--labels", "a cat,");
    requireRefusal("--labels: expected at least one word in each, got ''", PICTURE, "--labels", "");
    requireRefusal("--labels: expected no full stop or question mark in a label, got 'a dog.'", PICTURE, "--labels", "a cat, a dog.");
    requireRefusal("--labels: expected no full stop or question mark in a label, got 'a dog?'", PICTURE, "--labels", "a cat, a dog?");
    requireRefusal("a red car.: no such file; with --labels there is no sentence", PICTURE, "a red car.", "--labels", "a cat");
    assertThat(fovea("detect", NO_MODEL)).returns(2, Run::status)
        .returns("fovea: Missing required parameter: 'IMAGE|SENTENCE'\n", Run::err);
  }

  @Test
  void options() {
    for (var value : List.of("-0.1", "1.1", "NaN")) {
      requireRefusal("--box-threshold: expected 0 to 1, got " + value, PICTURE, "cat", "--box-threshold", value);
      requireRefusal("--text-threshold: expected 0 to 1, got " + value, PICTURE, "cat", "--text-threshold", value);
      requireRefusal("--nms-iou: expected 0 to 1, got " + value, PICTURE, "cat", "--nms", "label", "--nms-iou", value);
    }
    requireRefusal("--nms-iou: expected --nms label or --nms agnostic beside it", PICTURE, "cat", "--nms-iou", "0.5");
    requireRefusal("--form: expected --mask beside it", PICTURE, "cat", "--form", "cutout");
    requireRefusal("-o: expected a file name that ends in .png, got out.jpg", PICTURE, "cat", "-o", "out.jpg");
    assertThat(fovea("detect", NO_MODEL, PICTURE, "cat", "--nms", "all").err()).contains("--nms").contains("NONE, LABEL, AGNOSTIC");
  }

  /// Before a model is opened.
  @Test
  void files() throws IOException {
    var missing = folder.resolve("no/out.png");
    requireRefusal(missing + ": there is no folder " + missing.getParent(), PICTURE, "cat", "-o", missing.toString());
    var copy = Files.copy(Path.of(PICTURE), folder.resolve("out-2.png")).toString();
    var numbered = folder.resolve("out.png").toString();
    for (var command : List.of(List.of(PICTURE, copy, "cat", "-o", numbered),
        List.of(copy, "cat", "--mask", NO_MODEL, "--form", "binary", "-o", numbered)))
      assertThat(fovea(List.of(List.of("detect", NO_MODEL), command).stream().flatMap(List::stream).toArray(String[]::new)))
          .returns(2, Run::status).returns("", Run::out).extracting(Run::err).asString().contains(copy);
    assertThat(fovea("detect", NO_MODEL, PICTURE, PICTURE, "cat", "-o", "/dev/null"))
        .returns("fovea: -o: expected a file name for several pictures, got a device or a pipe, /dev/null\n", Run::err);
    requireRefusal(NO_MODEL + ": no such file or folder", PICTURE, "cat", "-o", folder.resolve("new.png").toString());
    try (var left = Files.list(folder)) {
      assertThat(left).containsExactly(Path.of(copy));
    }
  }

  @Test
  void aModelThatCannotDoIt() {
    var model = folder.resolve("model.safetensors").toString();
    assertThat(fovea("convert", FIXTURES + "vit-tiny", "-o", model)).returns(0, Run::status);
    assertThat(fovea("detect", model, PICTURE, "a cat")).returns(2, Run::status).returns("", Run::out)
        .returns("fovea: " + model + ": expected a model that finds what a text names, got family vit\n", Run::err);
  }
}
