package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The detector around a model made by hand, which finds the last of two words in a bright picture and the first in a dark one.
class DetectorTest {
  private static final int MAX_TOKENS = 9;

  @TempDir
  private Path folder;
  private final Kernels kernels = KernelProvider.VECTOR.open(Workers.threads(2));

  @AfterEach
  void close() {
    kernels.close();
  }

  /// Its box is at a place that the picture's red tells, as large as a quarter of the picture.
  static final class Brightness implements DetectsPhrases {
    private final List<Map<String, int[]>> passes = new CopyOnWriteArrayList<>();

    @Override
    public int maxTokens() {
      return MAX_TOKENS;
    }

    @Override
    public int vocabSize() {
      return PhraseDecodingTest.WORDS.size();
    }

    @Override
    public Boxes boxes(Map<String, Tensor> inputs) {
      passes.add(Map.of("pixels", inputs.get(Model.PIXEL_VALUES).shape(), "ids", inputs.get(Model.INPUT_IDS).shape(),
          "mask", inputs.get(Model.ATTENTION_MASK).shape(), "types", inputs.get(Model.TOKEN_TYPE_IDS).shape()));
      var pixels = inputs.get(Model.PIXEL_VALUES);
      int batch = pixels.dim(0), tokens = inputs.get(Model.INPUT_IDS).dim(1);
      var red = pixels.slice(1, 0, 1).contiguous().reshape(batch, pixels.dim(2) * pixels.dim(3), 1).mean(1);      // [B, 1]
      var zeros = inputs.get(Model.ATTENTION_MASK);                                                              // [B, N]
      var logits = new Tensor[tokens];
      for (int i = 0; i < tokens; i++) logits[i] = zeros.slice(1, i, i + 1).contiguous();
      logits[tokens - 3] = red;
      logits[tokens - 5] = red.times(-1);
      var quarter = red.times(0.25f);
      return new Boxes(Tensor.concat(1, logits).reshape(batch, 1, tokens),
          Tensor.concat(1, quarter, quarter, quarter, quarter).reshape(batch, 1, 4));
    }
  }

  /// A detector whose file, of another model, only tells how pictures are prepared.
  static Detector detector(DetectsPhrases model, Path folder, Kernels kernels) {
    var file = new SmallModel(SmallModel.CLIP.config(), Preprocessing.betweenEdges(8, 20), true, List.of())
        .write(folder.resolve("detector.safetensors"));
    return new Detector(OpenModel.of(Checkpoint.open(file), kernels), model, PhraseDecodingTest.tokenizer());
  }

  private Detector detector(DetectsPhrases model) {
    return detector(model, folder, kernels);
  }

  private static Picture grey(int width, int height, int grey) {
    var rgb = new byte[3 * width * height];
    Arrays.fill(rgb, (byte) grey);
    return new Picture(width + "x" + height + " of " + grey, width, height, rgb);
  }

  @Test
  void picturesTextAndBoxes() {
    var model = new Brightness();
    try (var detector = detector(model)) {
      var bright = detector.detect(grey(40, 10, 255), DetectionPrompt.of("A CAT. dog"),
          DetectionOptions.DEFAULT.withBoxThreshold(0.5f), Progress.NONE);
      assertThat(bright).singleElement().returns("dog", Detection::label).returns("a. dog. [SEP]", Detection::phrase);
      double red = (1 - 0.485) / 0.229;
      assertThat((double) bright.getFirst().score()).isCloseTo(1 / (1 + Math.exp(-red)), within(1e-5));
      var box = bright.getFirst().box();
      assertThat((double) box.x0()).isCloseTo(40 * red / 8, within(1e-3));
      assertThat((double) box.y1()).isCloseTo(10 * red * 3 / 8, within(1e-3));
      var dark = detector.detect(grey(40, 10, 0), DetectionPrompt.of("a cat. dog"));
      assertThat(dark.getFirst().label()).isEqualTo("a cat");
      assertThat(model.passes).allSatisfy(pass -> assertThat(pass).hasEntrySatisfying("pixels",
          shape -> assertThat(shape).containsExactly(1, 3, 5, 20)).hasEntrySatisfying("ids",
          shape -> assertThat(shape).containsExactly(1, 7)).hasEntrySatisfying("mask",
          shape -> assertThat(shape).containsExactly(1, 7)).hasEntrySatisfying("types",
          shape -> assertThat(shape).containsExactly(1, 7)));
      assertThat(detector.labels(DetectionPrompt.labels(List.of("Red Car", "cat")))).containsExactly("Red Car", "cat");
      assertThat(detector).returns(MAX_TOKENS, Detector::maxTokens).hasToString("Detector: " + detector.toString().substring(10));
      assertThat(detector.parameters()).isPositive();
    }
  }

  /// Each has a pass of its own; nothing is padded to the size of another.
  @Test
  void aListGivesWhatSingleCallsGive() {
    var model = new Brightness();
    var prompt = DetectionPrompt.of("cat. dog.");
    var pictures = List.of(grey(40, 10, 255), grey(10, 10, 0), grey(80, 20, 9), grey(20, 40, 200), grey(40, 10, 100));
    try (var detector = detector(model)) {
      var single = pictures.stream().map(picture -> detector.detect(picture, prompt)).toList();
      model.passes.clear();
      var operations = new AtomicInteger();
      assertThat(detector.detect(pictures, prompt, (_, _) -> operations.incrementAndGet())).isEqualTo(single);
      assertThat(operations).hasPositiveValue();
      assertThat(model.passes.stream().map(pass -> Arrays.toString(pass.get("pixels"))).distinct())
          .containsExactlyInAnyOrder("[1, 3, 5, 20]", "[1, 3, 8, 8]", "[1, 3, 16, 8]");
      assertThat(detector.detect(List.of(), prompt)).isEmpty();
      assertThat(detector.detect(pictures, prompt, DetectionOptions.DEFAULT.withBoxThreshold(1), Progress.NONE))
          .hasSize(5).allSatisfy(found -> assertThat(found).isEmpty());
    }
  }

  private static void requireRefusal(Class<? extends Exception> type, String message, ThrowingCallable call) {
    assertThatThrownBy(call).isExactlyInstanceOf(type).hasMessage(message);
  }

  @Test
  void promptsThatCannotBe() {
    var wrong = IllegalArgumentException.class;
    for (var text : List.of("", " ", ".", " . ?\n"))
      requireRefusal(wrong, "text: expected at least one word, got '" + text.replace('\n', ' ') + "'", () -> DetectionPrompt.of(text));
    requireRefusal(wrong, "labels: expected at least one", () -> DetectionPrompt.labels(List.of()));
    for (var label : List.of("", "  ", "?"))
      requireRefusal(wrong, "labels: expected at least one word in each, got '" + label.strip() + "'",
          () -> DetectionPrompt.labels(List.of("a cat", label)));
    requireRefusal(wrong, "labels: expected no full stop or question mark in a label, got 'a cat.'",
        () -> DetectionPrompt.labels(List.of("a dog", "a cat.")));
    requireRefusal(NullPointerException.class, "labels[1]", () -> DetectionPrompt.labels(Arrays.asList("a", null)));
    assertThat(DetectionPrompt.of(" A Cat ").text()).isEqualTo("a cat.");
    assertThat(DetectionPrompt.of("A Cat?").text()).isEqualTo("a cat?.");
    assertThat(DetectionPrompt.of("a cat. a dog.").text()).isEqualTo("a cat. a dog.");
    assertThat(DetectionPrompt.labels(List.of(" A cat", "a dog")).text()).isEqualTo("a cat. a dog.");
    assertThat(DetectionPrompt.of("A cat")).hasToString("A cat.").isEqualTo(DetectionPrompt.of("A cat."))
        .hasSameHashCodeAs(DetectionPrompt.of("A cat.")).isNotEqualTo(DetectionPrompt.of("a cat"))
        .isNotEqualTo(DetectionPrompt.labels(List.of("A cat"))).isNotEqualTo("A cat.");
  }

  @Test
  void optionsThatCannotBe() {
    var wrong = IllegalArgumentException.class;
    var options = DetectionOptions.DEFAULT;
    for (float value : new float[] {-0.1f, 1.1f, Float.NaN, Float.POSITIVE_INFINITY}) {
      requireRefusal(wrong, "boxThreshold: expected 0 to 1, got " + value, () -> options.withBoxThreshold(value));
      requireRefusal(wrong, "textThreshold: expected 0 to 1, got " + value, () -> options.withTextThreshold(value));
      requireRefusal(wrong, "suppressionIou: expected 0 to 1, got " + (double) value, () -> options.withSuppressionIou(value));
    }
    assertThat(options.withBoxThreshold(0).withTextThreshold(1).withSuppressionIou(0))
        .isEqualTo(new DetectionOptions(0, 1, DetectionOptions.Suppression.NONE, 0));
  }

  /// Before a file that is not there is looked for.
  @Test
  void textsThatDoNotFit() {
    var missing = folder.resolve("missing.png");
    try (var detector = detector(new Brightness())) {
      requireRefusal(TokenizerException.class, "text 'a red car. a dog. a cat.': expected at most 9 tokens, got 12",
          () -> detector.detect(missing, DetectionPrompt.of("a red car. a dog. a cat")));
      requireRefusal(TokenizerException.class, "text 'a red car. a dog. a cat.': expected at most 9 tokens, got 12",
          () -> detector.labels(DetectionPrompt.labels(List.of("a red car", "a dog", "a cat"))));
      requireRefusal(ImageException.class, missing + ": no such file", () -> detector.detect(missing, DetectionPrompt.of("cat")));
      requireRefusal(ImageException.class, "201x1 of 0: the picture is 201x1, expected sides at most 200 : 1",
          () -> detector.detect(grey(201, 1, 0), DetectionPrompt.of("cat")));
    }
  }

  @Test
  void filesThatCannotDoIt() {
    var file = SmallModel.CLIP.write(folder.resolve("clip.safetensors"));
    requireRefusal(CheckpointException.class, file + ": expected a model that finds what a text names, got family clip",
        () -> Detector.open(file));
  }

  @Test
  void aClosedOne() {
    var detector = detector(new Brightness());
    assertThat(detector.memory().busyWorkspaces()).isZero();
    detector.trim();
    detector.close();
    detector.close();
    assertThatThrownBy(() -> detector.detect(grey(9, 9, 9), DetectionPrompt.of("cat"))).isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("the model is closed");
  }

  @Test
  void detectionsAreValues() {
    var one = new Detection(new Box(1, 2, 3, 4), 0.5f, "a cat", "cat");
    assertThat(one).isEqualTo(new Detection(new Box(1, 2, 3, 4), 0.5f, "a cat", "cat")).asString().contains("a cat");
  }
}
