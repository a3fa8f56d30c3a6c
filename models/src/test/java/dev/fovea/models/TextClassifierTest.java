package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import dev.fovea.models.TextClassifier.Text;
import dev.fovea.models.bert.BertConfig;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A small BERT behind the classifier of texts, beside its own passes.
class TextClassifierTest {
  private static final List<Text> TEXTS = List.of(Text.of("i love you all"), Text.of("two dogs run across the field"),
      new Text("two dogs run", "the giraffe on the left"), Text.of(""));

  @TempDir
  private Path folder;

  private Path write(SmallModel model) {
    return model.write(folder.resolve("model.safetensors"));
  }

  private static List<Classification> inOrder(List<Classification> classes) {
    return classes.stream().sorted(Comparator.comparingInt(Classification::index)).toList();
  }

  /// The scores of tokens that the test finds itself.
  private static double[] expected(Path file, float[] ids, int second) {
    var types = new float[ids.length];
    for (int i = second; i < types.length; i++) types[i] = 1;
    return SmallModel.softmax(SmallModel.compute(file, Map.of("ids", new OpenModel.Input(ids, 1, ids.length),
        "mask", new OpenModel.Input(new float[ids.length], 1, ids.length), "types", new OpenModel.Input(types, 1, ids.length)),
        (model, x) -> ((ClassifiesText) model).logits(x.get("ids"), x.get("mask"), x.get("types"))));
  }

  private static void requireScores(List<Classification> found, double[] expected) {
    assertThat(found).isSortedAccordingTo(Comparator.comparingDouble(c -> -c.score()));
    assertThat(inOrder(found)).extracting(Classification::label).containsExactly("negative", "positive");
    assertThat(found.stream().mapToDouble(Classification::score).sum()).isCloseTo(1, within(1e-6));
    for (var c : found) assertThat((double) c.score()).as(c.label()).isCloseTo(expected[c.index()], within(2e-6));
  }

  @Test
  void scoresAreTheModels() {
    var file = write(SmallModel.BERT);
    try (var classifier = TextClassifier.open(file)) {
      assertThat(classifier.labels()).containsExactly("negative", "positive");
      for (var text : List.of("i love you all", "two dogs run across the field", "a photo of a cat", ""))
        requireScores(classifier.classify(text), expected(file, SmallModel.tokens(text), Integer.MAX_VALUE));
      // Words in another order are another text, and not every text is of the same class.
      assertThat(classifier.classify("i love you all")).isNotEqualTo(classifier.classify("you all love i"));
    }
  }

  /// The second text's tokens are of the second type.
  @Test
  void aPairIsOneSequence() {
    var file = write(SmallModel.BERT);
    try (var classifier = TextClassifier.open(file)) {
      float[] first = SmallModel.tokens("two dogs run"), second = SmallModel.tokens("the giraffe on the left");
      var ids = new float[first.length + second.length - 1];
      System.arraycopy(first, 0, ids, 0, first.length);
      System.arraycopy(second, 1, ids, first.length, second.length - 1);
      var pair = new Text("two dogs run", "the giraffe on the left");
      var found = classifier.classifyTexts(List.of(pair), 2, Progress.NONE).getFirst();
      requireScores(found, expected(file, ids, first.length));
      assertThat((double) inOrder(found).getFirst().score()).as("with other types")
          .isNotCloseTo(expected(file, ids, Integer.MAX_VALUE)[0], within(1e-4));
      assertThat(found).isNotEqualTo(classifier.classify("two dogs run"));
    }
  }

  /// None sees another's padding, and each answer is its own text's.
  @Test
  void textsOfDifferentLengthsAreOneBatch() {
    try (var classifier = TextClassifier.open(write(SmallModel.BERT))) {
      var together = classifier.classifyTexts(TEXTS, 2, Progress.NONE);
      assertThat(together).hasSize(4);
      for (int t = 0; t < 4; t++) {
        var alone = inOrder(classifier.classifyTexts(List.of(TEXTS.get(t)), 2, Progress.NONE).getFirst());
        for (int i = 0; i < 2; i++)
          assertThat(inOrder(together.get(t)).get(i).score()).as(TEXTS.get(t).toString())
              .isCloseTo(alone.get(i).score(), within(1e-6f));
      }
      assertThat(together).doesNotHaveDuplicates();
      assertThat(classifier.classifyTexts(TEXTS.reversed(), 2, Progress.NONE)).as("the same bits").isEqualTo(together.reversed());
    }
  }

  @Test
  void theLikeliestOnly() {
    try (var classifier = TextClassifier.open(write(SmallModel.BERT))) {
      var all = classifier.classifyTexts(TEXTS, 2, Progress.NONE);
      assertThat(classifier.classifyTexts(TEXTS, 1, Progress.NONE))
          .isEqualTo(all.stream().map(each -> each.subList(0, 1)).toList());
      assertThat(classifier.classifyTexts(TEXTS, 9, Progress.NONE)).isEqualTo(all);
      assertThat(classifier.classify(List.of(), 2, Progress.NONE)).isEmpty();
    }
  }

  @Test
  void logitsAreTheScoresBeforeTheSoftmax() {
    try (var classifier = TextClassifier.open(write(SmallModel.BERT))) {
      var logits = classifier.logits(TEXTS, Progress.NONE);
      var scores = classifier.classifyTexts(TEXTS, 2, Progress.NONE);
      assertThat(logits).hasSize(4);
      for (int t = 0; t < 4; t++) requireScores(scores.get(t), SmallModel.softmax(logits.get(t)));
      assertThat(classifier.logits(List.of(), Progress.NONE)).isEmpty();
    }
  }

  /// The softmax of one class is 1 for any text: its score is the sigmoid.
  @Test
  void aCrossEncoderHasOneClass() {
    var file = write(SmallModel.bert(1));
    try (var classifier = TextClassifier.open(file)) {
      var logits = classifier.logits(TEXTS, Progress.NONE);
      var ids = SmallModel.tokens("i love you all");
      var expected = SmallModel.compute(file, Map.of("ids", new OpenModel.Input(ids, 1, ids.length),
          "mask", new OpenModel.Input(new float[ids.length], 1, ids.length), "types", new OpenModel.Input(new float[ids.length], 1,
              ids.length)), (model, x) -> ((ClassifiesText) model).logits(x.get("ids"), x.get("mask"), x.get("types")));
      assertThat(logits.getFirst()).containsExactly(expected, within(2e-6f));
      assertThat(logits.stream().map(each -> each[0])).doesNotHaveDuplicates();
      var scores = classifier.classifyTexts(TEXTS, 1, Progress.NONE);
      for (int t = 0; t < 4; t++) {
        assertThat(logits.get(t)).hasSize(1);
        assertThat((double) scores.get(t).getFirst().score()).isCloseTo(1 / (1 + Math.exp(-logits.get(t)[0])), within(1e-6));
      }
    }
  }

  @Test
  void textsThatAreTooLong() {
    try (var classifier = TextClassifier.open(write(SmallModel.BERT))) {
      assertThatThrownBy(() -> classifier.classify("love ".repeat(60))).isInstanceOf(TokenizerException.class)
          .hasMessage("text 'love love love love love love love lo…': expected at most 48 tokens, got 62");
      assertThat(classifier.classify("love ".repeat(46))).hasSize(2);
      assertThatThrownBy(() -> classifier.classify("love ".repeat(47))).hasMessageEndingWith("expected at most 48 tokens, got 49");
    }
  }

  @Test
  void aTokenThatTheModelDoesNotKnow() {
    var config = (BertConfig) SmallModel.BERT.config();
    var encoder = config.encoder();
    var smaller = new BertConfig(new TextTowerConfig(20, 48, 2, encoder.blocks()), 2, true, 2);
    try (var classifier = TextClassifier.open(write(new SmallModel(smaller, SmallModel.BERT.preprocessing(), true,
        SmallModel.BERT.labels())))) {
      assertThat(classifier.classify("dogs run")).as("up to token 19").hasSize(2);
      assertThatThrownBy(() -> classifier.classify("the dogs")).isInstanceOf(TokenizerException.class)
          .hasMessage("text 'the dogs': the tokenizer gives token 20, and the model knows 20");
    }
  }

  @Test
  void filesThatCannotDoIt() {
    requireRefusal(SmallModel.CLIP.withoutTokenizer(), "expected a model that classifies texts, got family clip");
    requireRefusal(SmallModel.bert(0), "expected a model that classifies texts, got family bert without a classification head");
    requireRefusal(SmallModel.BERT.withLabels("one", "two", "three"), "expected 2 labels, got 3");
    requireRefusal(SmallModel.BERT.withoutTokenizer(), "holds no tokenizer: there is no tensor 'tokenizer.json'");
  }

  private void requireRefusal(SmallModel model, String why) {
    var file = write(model);
    assertThatThrownBy(() -> TextClassifier.open(file)).isInstanceOf(CheckpointException.class).hasMessage(file + ": " + why);
  }

  @Test
  void cancelledAndClosed() {
    var file = write(SmallModel.BERT);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
      var classifier = TextClassifier.of(Checkpoint.open(file), kernels);
      var expected = classifier.classifyTexts(TEXTS, 2, Progress.NONE);
      assertThatThrownBy(() -> classifier.classifyTexts(TEXTS, 2, (_, _) -> Thread.currentThread().interrupt()))
          .isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(classifier.classifyTexts(TEXTS, 2, Progress.NONE)).isEqualTo(expected);
      classifier.close();
      classifier.close();
      assertThatThrownBy(() -> classifier.classify("love")).isInstanceOf(IllegalStateException.class)
          .hasMessage(file + ": the model is closed");
    }
  }
}
