package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.OpenModel;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.llama.Logits;
import dev.fovea.models.vlm.PictureReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What 8 bits change of a language model's texts. It prints the figures of `docs/converting.md`.
class Q8TextTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  /// The trained model that the program embeds, and the scenes and questions that it is judged by.
  private static final Path DEMO = Path.of("../cli/src/main/resources/dev/fovea/cli/demo/vlm.safetensors");
  private static final Path SCENES = Path.of("../cli/src/test/resources/scenes");

  @TempDir
  private Path folder;

  private Path convert(Path source, WeightFormat format) {
    var file = folder.resolve(format + ".safetensors");
    Converter.convert(source, file, format);
    return file;
  }

  /// An answer of the reference implementation, as a model reads it.
  ///
  /// @param logits those before each of its tokens, `[tokens][vocabulary]`
  private record Answer(int[] tokens, float[][] logits) {
    double logProbability() {
      double sum = 0;
      for (int i = 0; i < tokens.length; i++) sum += Logits.logProbability(logits[i], tokens[i]);
      return sum;
    }

    /// Whether the model would write the same: each token is the most probable one after those before it.
    boolean isOfModel() {
      for (int i = 0; i < tokens.length; i++) if (Logits.largest(logits[i]) != tokens[i]) return false;
      return true;
    }
  }

  private static double perplexity(List<Answer> answers) {
    int tokens = answers.stream().mapToInt(answer -> answer.tokens.length).sum();
    return Math.exp(-answers.stream().mapToDouble(Answer::logProbability).sum() / tokens);
  }

  /// The answers to all questions about all scenes.
  private static List<Answer> answers(Path file) throws IOException {
    var scenes = JsonParser.parseString(Files.readString(SCENES.resolve("questions.json"))).getAsJsonObject().getAsJsonArray("scenes");
    var answers = new ArrayList<Answer>();
    try (var model = OpenModel.open(file)) {
      var reader = PictureReader.of(model);
      for (var each : scenes) {
        var scene = each.getAsJsonObject();
        var seen = reader.see(Picture.read(SCENES.resolve(scene.get("file").getAsString())), Progress.NONE);
        int[] picture = model.tokenizer().encode("User: " + "<image_placeholder>".repeat(256)).ids();
        try (var session = LlamaSession.open(model, 512)) {
          reader.read(session, picture, List.of(seen));
          for (var question : scene.getAsJsonArray("questions")) {
            // The picture is read once, for all questions about it.
            session.truncate(picture.length);
            answers.add(answer(session, picture, question.getAsJsonObject()));
          }
        }
      }
    }
    return answers;
  }

  /// @param begun the prompt's first tokens, which the session has
  private static Answer answer(LlamaSession session, int[] begun, JsonObject question) {
    int[] prompt = session.model().tokenizer().encode("User: " + "<image_placeholder>".repeat(256)
        + question.get("question").getAsString() + "\n\nAssistant:").ids();
    assertThat(prompt).startsWith(begun);
    session.read(Arrays.copyOfRange(prompt, begun.length, prompt.length));
    int[] tokens = question.getAsJsonArray("reference_ids").asList().stream().mapToInt(id -> id.getAsInt()).toArray();
    var logits = new float[tokens.length][];
    for (int i = 0; i < tokens.length; i++) {
      logits[i] = session.logits();
      session.read(tokens[i]);
    }
    return new Answer(tokens, logits);
  }

  /// The largest difference of logits, relative to their spread: the largest less the smallest.
  private static double difference(float[] exact, float[] rounded) {
    double largest = Double.NEGATIVE_INFINITY, smallest = Double.POSITIVE_INFINITY, difference = 0;
    for (int i = 0; i < exact.length; i++) {
      largest = Math.max(largest, exact[i]);
      smallest = Math.min(smallest, exact[i]);
      difference = Math.max(difference, Math.abs((double) exact[i] - rounded[i]));
    }
    return difference / (largest - smallest);
  }

  /// The numbers of the demo's file, which are in float16, as float32 and in 8 bits. Its answers are so sure that 1 % of their
  /// perplexity is much: steps sixteen times as large change it by 0.4 %.
  @Test
  void answersOfTheDemo() throws IOException {
    var published = folder.resolve("published");
    HuggingFaceExport.write(DEMO, published);
    List<Answer> exact = answers(convert(published, WeightFormat.F32)), rounded = answers(convert(published, WeightFormat.Q8));
    assertThat(exact).hasSize(286).allMatch(Answer::isOfModel);
    double most = 0;
    for (int i = 0; i < exact.size(); i++)
      for (int token = 0; token < exact.get(i).tokens.length; token++)
        most = Math.max(most, difference(exact.get(i).logits[token], rounded.get(i).logits[token]));
    long equal = rounded.stream().filter(Answer::isOfModel).count();
    System.out.printf(Locale.ROOT, "demo: logits within %.2f %% of their spread; perplexity %.5f, %.5f in float32; %d of %d answers%n",
        100 * most, perplexity(rounded), perplexity(exact), equal, exact.size());
    assertThat(most).isLessThan(0.014);
    assertThat(perplexity(rounded)).isCloseTo(perplexity(exact), withinPercentage(0.05));
    assertThat(equal).isGreaterThanOrEqualTo(285);
  }

  /// Random models; the head of `qwen2-tiny` is its token embedding.
  @ParameterizedTest
  @CsvSource({"llama-tiny, 0.022", "llama-tiny-scaled, 0.013", "qwen2-tiny, 0.025", "deepseek-vl-tiny, 0.018"})
  void logits(String golden, double bound) {
    float[] exact = logits(golden, WeightFormat.F32), rounded = logits(golden, WeightFormat.Q8);
    int vocabulary = 420;
    double most = 0;
    for (int i = 0; i < exact.length; i += vocabulary)
      most = Math.max(most, difference(Arrays.copyOfRange(exact, i, i + vocabulary), Arrays.copyOfRange(rounded, i, i + vocabulary)));
    System.out.printf(Locale.ROOT, "%s: logits within %.2f %% of their spread%n", golden, 100 * most);
    assertThat(most).isLessThan(bound).isGreaterThan(1e-4);
  }

  private float[] logits(String golden, WeightFormat format) {
    return GoldenTest.outputs(convert(FIXTURES.resolve(golden), format), golden, KernelProvider.VECTOR, 2, Residency.MAPPED)
        .get("logits");
  }
}
