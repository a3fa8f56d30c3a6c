package dev.fovea.models.grounding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Demo;
import dev.fovea.models.Detection;
import dev.fovea.models.DetectionOptions;
import dev.fovea.models.DetectionPrompt;
import dev.fovea.models.Detector;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.Prompt;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The embedded Grounding DINO on drawn scenes, beside what the reference implementation finds there.
class DetectorDemoTest {
  private static final DetectionPrompt SHAPES = DetectionPrompt.of("a yellow circle. a purple star.");
  private static Kernels kernels;
  private static Detector detector;

  @BeforeAll
  static void open() {
    kernels = KernelProvider.VECTOR.open(Workers.threads(2));
    detector = Detector.of(Demo.model("grounding-dino"), kernels);
  }

  @AfterAll
  static void close() {
    detector.close();
    kernels.close();
  }

  private static Picture scene(String file) {
    return Picture.read(Demo.SCENES.resolve(file));
  }

  private static List<JsonObject> scenes() throws IOException {
    var all = JsonParser.parseString(Files.readString(Demo.SCENES.resolve("detections.json"))).getAsJsonObject().getAsJsonArray("scenes");
    return StreamSupport.stream(all.spliterator(), false).map(scene -> scene.getAsJsonObject()).toList();
  }

  /// Boxes in pixels, scores, labels and phrases.
  @ParameterizedTest
  @MethodSource("scenes")
  void findsWhatTheReferenceFinds(JsonObject scene) {
    var options = DetectionOptions.DEFAULT.withBoxThreshold(scene.get("box_threshold").getAsFloat())
        .withTextThreshold(scene.get("text_threshold").getAsFloat());
    var found = detector.detect(scene(scene.get("file").getAsString()), DetectionPrompt.of(scene.get("text").getAsString()), options, Progress.NONE);
    var expected = scene.getAsJsonArray("reference");
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < found.size(); i++) {
      var one = expected.get(i).getAsJsonObject();
      var box = found.get(i).box();
      float[] corners = {box.x0(), box.y0(), box.x1(), box.y1()};
      for (int c = 0; c < 4; c++)
        assertThat(corners[c]).isCloseTo(one.getAsJsonArray("box").get(c).getAsFloat(), within(0.002f));
      assertThat(found.get(i).score()).isCloseTo(one.get("score").getAsFloat(), within(0.002f));
      assertThat(found.get(i).label()).isEqualTo(one.get("label").getAsString());
      assertThat(found.get(i).phrase()).isEqualTo(one.get("phrase").getAsString());
    }
  }

  /// The reference provider finds the same, so that no kernel is left out of the comparison.
  @Test
  void bothProvidersAgree() {
    try (var plain = KernelProvider.REFERENCE.open(Workers.threads(2)); var other = Detector.of(Demo.model("grounding-dino"), plain)) {
      same(other.detect(scene("03.png"), SHAPES), detector.detect(scene("03.png"), SHAPES), 1e-4f);
    }
  }

  private static void same(List<Detection> actual, List<Detection> expected, float error) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.size(); i++) {
      assertThat(actual.get(i).score()).isCloseTo(expected.get(i).score(), within(error));
      assertThat(actual.get(i).box().x0()).isCloseTo(expected.get(i).box().x0(), within(100 * error));
      assertThat(actual.get(i).box().y1()).isCloseTo(expected.get(i).box().y1(), within(100 * error));
      assertThat(actual.get(i).label()).isEqualTo(expected.get(i).label());
    }
  }

  /// Pictures of several sizes in one call: each has the result that it has alone.
  @Test
  void aBatchEqualsItsPictures() {
    var wide = cut(scene("00.png"), 128, 77);
    var pictures = List.of(scene("00.png"), wide, scene("01.png"), scene("00.png"));
    var together = detector.detect(pictures, SHAPES);
    for (int i = 0; i < pictures.size(); i++) same(together.get(i), detector.detect(pictures.get(i), SHAPES), 1e-5f);
    assertThat(together.get(0)).isEqualTo(together.get(3));
  }

  private static Picture cut(Picture picture, int width, int height) {
    var rgb = new byte[3 * width * height];
    for (int y = 0; y < height; y++) System.arraycopy(picture.rgb(), 3 * y * picture.width(), rgb, 3 * y * width, 3 * width);
    return new Picture("cut", width, height, rgb);
  }

  /// Upper case, a missing full stop and space around a text change nothing; labels are what the caller wrote.
  @Test
  void textsAreReadAsTheReferenceReadsThem() {
    var picture = scene("00.png");
    var expected = detector.detect(picture, SHAPES);
    assertThat(expected).extracting(Detection::label).contains("a yellow circle", "a purple star");
    var other = detector.detect(picture, DetectionPrompt.of("  A Yellow CIRCLE. a purple star "));
    same(other.stream().map(d -> new Detection(d.box(), d.score(), d.label().toLowerCase(), d.phrase())).toList(), expected, 0);
    assertThat(other).extracting(Detection::label).contains("A Yellow CIRCLE");
    same(detector.detect(picture, DetectionPrompt.labels(List.of("a yellow circle", "a purple star"))), expected, 0);
  }

  /// Each of two equal phrases is a label of its own, of which one is named.
  @Test
  void aPhraseTwice() {
    var found = detector.detect(scene("00.png"), DetectionPrompt.of("a yellow circle. a yellow circle."));
    assertThat(found).isNotEmpty().extracting(Detection::label).containsOnly("a yellow circle");
  }

  /// The tokenizer knows no Korean: the words become one unknown token, as in the reference.
  @ParameterizedTest
  @ValueSource(strings = {"노란 원.", "?a star", "a star?", "日本"})
  void otherScripts(String text) {
    assertThat(detector.detect(scene("00.png"), DetectionPrompt.of(text), DetectionOptions.DEFAULT.withBoxThreshold(0), Progress.NONE)).isNotEmpty();
  }

  @Test
  void tooLongATextIsRefused() {
    var words = String.join(" ", Collections.nCopies(60, "star"));
    assertThatThrownBy(() -> detector.detect(scene("00.png"), DetectionPrompt.of(words))).isInstanceOf(TokenizerException.class)
        .hasMessageContaining("48");
  }

  @Test
  void thresholds() {
    var picture = scene("00.png");
    var all = detector.detect(picture, SHAPES, DetectionOptions.DEFAULT.withBoxThreshold(0), Progress.NONE);
    assertThat(all).hasSize(24);
    assertThat(all).extracting(Detection::score).isSortedAccordingTo((a, b) -> Float.compare(b, a));
    assertThat(detector.detect(picture, SHAPES, DetectionOptions.DEFAULT.withBoxThreshold(1), Progress.NONE)).isEmpty();
    assertThat(detector.detect(picture, SHAPES, DetectionOptions.DEFAULT.withTextThreshold(1), Progress.NONE)).extracting(Detection::phrase).containsOnly("");
  }

  /// A picture of one or two pixels' height becomes one row of patches, and a row of a patch's part.
  @Test
  void aPictureThinnerThanAPatch() {
    for (int height : new int[] {1, 2}) {
      var thin = cut(scene("00.png"), 128, height);
      assertThat(detector.detect(thin, SHAPES, DetectionOptions.DEFAULT.withBoxThreshold(0), Progress.NONE)).hasSize(24);
    }
  }

  /// Text to mask in one process.
  @Test
  void masks() {
    var picture = scene("00.png");
    try (var predictor = MaskPredictor.of(Demo.model("sam"), kernels); var session = predictor.session()) {
      session.setImage(picture);
      var circle = detector.detect(picture, DetectionPrompt.of("a yellow circle.")).getFirst();
      var mask = session.best(Prompt.box(circle.box())).mask();
      // Overlaps what is yellow: the true box of the circle is 4, 32 to 37, 65.
      assertThat(mask.box().x1()).isBetween(34f, 39f);
      assertThat(mask.area()).isBetween(700, 1000);
    }
  }

  @Test
  void pathsStreamsAndProgress() throws IOException {
    var file = Demo.SCENES.resolve("00.png");
    var expected = detector.detect(scene("00.png"), SHAPES);
    assertThat(detector.detect(file, SHAPES)).isEqualTo(expected);
    assertThat(detector.detect(Files.readAllBytes(file), SHAPES)).isEqualTo(expected);
    var shares = new double[1];
    detector.detect(List.of(scene("00.png")), SHAPES, (done, total) -> shares[0] = Math.max(shares[0], (double) done / total));
    assertThat(shares[0]).isEqualTo(1);
    assertThat(Path.of(file.toString())).isEqualTo(file);
    assertThat(Arrays.asList(detector.toString().split(" "))).contains("grounding_dino");
  }
}
