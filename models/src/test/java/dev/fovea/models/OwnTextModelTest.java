package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Embedding;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.TokenizerException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A model of texts that is none of Fovea's answers through [TextClassifier]. Only a program on the class path finds a family that
/// is no module's, so one is started.
class OwnTextModelTest {
  private static final List<String> LABELS = List.of("good", "bad", "neither");
  private static final int CLASSES = 3, MAX_TOKENS = 9;

  @TempDir
  private Path folder;

  /// The family of [BagOfWords].
  public static final class OwnFamily implements FamilyService {
    private static final Family FAMILY = new Family("own-text", json -> new Config(json.integer("classes")), Map.of());

    @Override
    public Family family() {
      return FAMILY;
    }
  }

  private record Config(int classes) implements ModelConfig {
    @Override
    public Family family() {
      return OwnFamily.FAMILY;
    }

    @Override
    public Model load(Weights weights) {
      int scores = Math.max(1, classes);
      return new BagOfWords(this, weights.embedding("words", SmallModel.WORDS.size(), scores),
          weights.embedding("types", 2, scores));
    }

    @Override
    public JsonObject toJson() {
      var json = new JsonObject();
      json.addProperty("classes", classes);
      return json;
    }
  }

  /// The mean of what the tokens say.
  private record BagOfWords(Config config, Embedding words, Embedding types) implements Model, ClassifiesText {
    @Override
    public int numClasses() {
      return config.classes;
    }

    @Override
    public int vocabSize() {
      return SmallModel.WORDS.size();
    }

    @Override
    public int maxTokens() {
      return MAX_TOKENS;
    }

    @Override
    public Tensor logits(Tensor ids, Tensor mask, Tensor kinds) {
      return words.forward(ids).plus(types.forward(kinds)).mean(1);
    }

    @Override
    public Map<String, ModelInput> inputs(int batch, int size) {
      return Map.of(INPUT_IDS, ModelInput.tokens(vocabSize(), batch, MAX_TOKENS),
          ATTENTION_MASK, ModelInput.mask(INPUT_IDS, batch, MAX_TOKENS), TOKEN_TYPE_IDS, ModelInput.tokens(2, batch, MAX_TOKENS));
    }

    @Override
    public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
      return Map.of("logits", logits(inputs.get(INPUT_IDS), inputs.get(ATTENTION_MASK), inputs.get(TOKEN_TYPE_IDS)));
    }
  }

  /// The program: classifies a text, or a pair of texts, with a model file, and prints a class a line, likeliest first, or what is
  /// wrong.
  public static void main(String... arguments) {
    try (var classifier = TextClassifier.open(Path.of(arguments[0]))) {
      var text = new TextClassifier.Text(arguments[1], arguments.length > 2 ? arguments[2] : null);
      for (var c : classifier.classifyTexts(List.of(text), CLASSES, Progress.NONE).getFirst())
        System.out.println(c.index() + " " + c.label() + " " + c.score());
    } catch (CheckpointException | TokenizerException e) {
      System.out.println(e.getMessage());
    }
  }

  private List<String> run(String... arguments) throws IOException, InterruptedException {
    return Program.run(folder, List.of(OwnFamily.class), OwnTextModelTest.class, arguments);
  }

  private Path write(int classes, List<String> labels) {
    return new SmallModel(new Config(classes), new JsonObject(), true, labels).write(folder.resolve("own.safetensors"));
  }

  /// The mean of the rows of two tables, by hand.
  private static double[] expected(Path file, float[] ids, int second) {
    try (var model = Checkpoint.open(file)) {
      float[] words = model.tensor("words.weight").toFloats(), types = model.tensor("types.weight").toFloats();
      var logits = new float[CLASSES];
      for (int i = 0; i < ids.length; i++)
        for (int c = 0; c < CLASSES; c++)
          logits[c] += (words[(int) ids[i] * CLASSES + c] + types[(i < second ? 0 : 1) * CLASSES + c]) / ids.length;
      return SmallModel.softmax(logits);
    }
  }

  private static void requireScores(List<String> lines, double[] expected) {
    assertThat(lines).hasSize(CLASSES);
    double last = 1;
    for (var line : lines) {
      var parts = line.split(" ");
      int index = Integer.parseInt(parts[0]);
      double score = Double.parseDouble(parts[2]);
      assertThat(parts[1]).isEqualTo(LABELS.get(index));
      assertThat(score).as(line).isCloseTo(expected[index], within(2e-6)).isLessThanOrEqualTo(last);
      last = score;
    }
  }

  @Test
  void answers() throws IOException, InterruptedException {
    var file = write(CLASSES, LABELS);
    requireScores(run(file.toString(), "two dogs run"), expected(file, SmallModel.tokens("two dogs run"), Integer.MAX_VALUE));
    requireScores(run(file.toString(), "two dogs", "the cat left"),
        expected(file, new float[] {2, 21, 10, 3, 20, 8, 14, 3}, 4));
  }

  @Test
  void isRefusedLikeOurs() throws IOException, InterruptedException {
    var file = write(CLASSES, LABELS);
    assertThat(run(file.toString(), "two dogs run across the field on the left")).containsExactly(
        "text 'two dogs run across the field on the …': expected at most 9 tokens, got 11");
    write(CLASSES, LABELS.subList(0, 2));
    assertThat(run(file.toString(), "two")).containsExactly(file + ": expected 3 labels, got 2");
    write(0, List.of());
    assertThat(run(file.toString(), "two")).containsExactly(
        file + ": expected a model that classifies texts, got family own-text without a classification head");
  }
}
