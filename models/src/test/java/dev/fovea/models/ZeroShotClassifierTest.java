package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.Progress;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Small models of pictures and words behind the classifier, beside their own passes.
class ZeroShotClassifierTest {
  private static final List<String> LABELS = List.of("a photo of a cat", "two dogs run", "the giraffe on the left");
  private static final int DIM = 24;

  @TempDir
  private Path folder;
  private final Picture picture = Picture.read(Demo.SINGLES.resolve("single-00.png"));

  private Path write(SmallModel model) {
    return model.write(folder.resolve("model.safetensors"));
  }

  private static List<Classification> inOrder(List<Classification> classes) {
    return classes.stream().sorted(Comparator.comparingInt(Classification::index)).toList();
  }

  /// The logits of the picture and each label, by the model's own passes.
  private float[] logits(SmallModel small, Path file, int textLength) {
    var input = Preprocessing.of(new JsonFields("preprocessing", small.preprocessing())).apply(picture, 1);
    var logits = new float[LABELS.size()];
    for (int t = 0; t < logits.length; t++) {
      var tokens = SmallModel.tokens(LABELS.get(t));
      var ids = textLength == 0 ? tokens : Arrays.copyOf(tokens, textLength);
      logits[t] = SmallModel.compute(file, Map.of("image", OpenModel.Input.of(input),
          "ids", new OpenModel.Input(ids, 1, ids.length), "mask", new OpenModel.Input(new float[ids.length], 1, ids.length)),
          (model, x) -> {
            var joins = (JoinsPicturesAndText) model;
            return joins.logits(joins.imageEmbeds(x.get("image")), joins.textEmbeds(x.get("ids"), x.get("mask")));
          })[0];
    }
    return logits;
  }

  /// CLIP's scores are shares of one certainty.
  @Test
  void clipTellsLabelsApart() {
    var file = write(SmallModel.CLIP);
    var expected = SmallModel.softmax(logits(SmallModel.CLIP, file, 0));
    try (var classifier = ZeroShotClassifier.open(file)) {
      var labels = classifier.embed(LABELS, List.of());
      assertThat(labels.names()).isEqualTo(LABELS);
      var found = classifier.classify(picture, labels, 3, Progress.NONE);
      assertThat(found).isSortedAccordingTo(Comparator.comparingDouble(c -> -c.score()));
      assertThat(inOrder(found)).extracting(Classification::label).isEqualTo(LABELS);
      for (var c : found) assertThat((double) c.score()).as(c.label()).isCloseTo(expected[c.index()], within(2e-6));
      assertThat(found.stream().mapToDouble(Classification::score).sum()).isCloseTo(1, within(1e-6));
      assertThat(classifier.classify(picture, labels, 2, Progress.NONE)).isEqualTo(found.subList(0, 2));
      // The order in which labels are given changes their numbers alone.
      var reversed = classifier.classify(picture, classifier.embed(LABELS.reversed(), List.of()), 3, Progress.NONE);
      assertThat(reversed).extracting(Classification::label).isEqualTo(found.stream().map(Classification::label).toList());
    }
  }

  @Test
  void onePictureOneLabelIsCertainForClip() {
    try (var classifier = ZeroShotClassifier.open(write(SmallModel.CLIP))) {
      assertThat(classifier.classify(picture, classifier.embed(List.of("two dogs run"), List.of()), 5, Progress.NONE))
          .containsExactly(new Classification(0, "two dogs run", 1));
    }
  }

  /// A label's vector is the mean of its prompts', scaled to length 1.
  @Test
  void templatesAreAveraged() {
    var file = write(SmallModel.CLIP);
    try (var classifier = ZeroShotClassifier.open(file); var embedder = TextEmbedder.open(file)) {
      var labels = classifier.embed(List.of("cat", "dog"), List.of("a photo of a {}", "the {} on the left"));
      assertThat(labels.names()).containsExactly("cat", "dog");
      float[] a = embedder.embed("a photo of a dog"), b = embedder.embed("the dog on the left");
      double length = Math.sqrt(IntStream.range(0, DIM).mapToDouble(i -> Math.pow(a[i] + b[i], 2)).sum());
      for (int i = 0; i < DIM; i++)
        assertThat((double) labels.vectors()[DIM + i]).isCloseTo((a[i] + b[i]) / length, within(1e-6));
      assertThatThrownBy(() -> classifier.embed(List.of("cat"), List.of("a photo")))
          .hasMessage("template 'a photo': expected {} where the label goes");
      assertThatThrownBy(() -> classifier.embed(List.of(), List.of())).hasMessage("labels: expected at least one");
    }
  }

  /// The logistic function of each logit, whatever the other labels are.
  @Test
  void siglipJudgesEachLabelByItself() {
    var file = write(SmallModel.SIGLIP);
    var logits = logits(SmallModel.SIGLIP, file, 16);
    try (var classifier = ZeroShotClassifier.open(file)) {
      var all = inOrder(classifier.classify(picture, classifier.embed(LABELS, List.of()), 3, Progress.NONE));
      for (var text : all) {
        assertThat((double) text.score()).as(text.label()).isCloseTo(1 / (1 + Math.exp(-logits[text.index()])), within(2e-6));
        var alone = classifier.classify(picture, classifier.embed(List.of(text.label()), List.of()), 1, Progress.NONE);
        assertThat(alone.getFirst().score()).isCloseTo(text.score(), within(1e-6f)).isBetween(0f, 1f);
      }
    }
  }

  @Test
  void picturesThatCannotBeSeenAndUseAfterClose() {
    var file = write(SmallModel.CLIP);
    var classifier = ZeroShotClassifier.open(file);
    var labels = classifier.embed(LABELS, List.of());
    var strip = new Picture("strip", 201, 1, new byte[603]);
    assertThatThrownBy(() -> classifier.classify(strip, labels, 1, Progress.NONE)).isInstanceOf(ImageException.class)
        .hasMessage("strip: the picture is 201x1, expected sides at most 200 : 1");
    classifier.close();
    classifier.close();
    assertThatThrownBy(() -> classifier.classify(picture, labels, 1, Progress.NONE)).isInstanceOf(IllegalStateException.class)
        .hasMessage(file + ": the model is closed");
  }
}
