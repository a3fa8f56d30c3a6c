package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonParser;
import dev.fovea.cli.CommandsTest.Run;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `embed` on texts, with a sentence encoder. What wrong use prints is in `.ci/wrong-use`.
@Timeout(180)
class TextEmbedTest {
  private static final Path FIXTURE = Path.of("../weights-converter/src/test/resources/fixtures/sentence-bert-mean");
  private static final List<String> LINES = List.of("a photo of a cat", "two dogs run across the green field.", "", "E = mc^2",
      "a photo of a cat");

  @TempDir
  private Path folder;
  private String model, lines;

  @BeforeEach
  void convert() throws IOException {
    model = file("model.safetensors");
    lines = file("lines.txt");
    assertThat(fovea("convert", FIXTURE.toString(), "-o", model).status()).isZero();
    Files.write(Path.of(lines), LINES);
  }

  private String file(String name) {
    return folder.resolve(name).toString();
  }

  private record Vector(String text, float[] embedding) {}

  private static List<Vector> vectors(String json) {
    var vectors = new ArrayList<Vector>();
    for (var each : JsonParser.parseString(json).getAsJsonArray()) {
      var numbers = each.getAsJsonObject().getAsJsonArray("embedding");
      var vector = new float[numbers.size()];
      for (int i = 0; i < vector.length; i++) vector[i] = numbers.get(i).getAsFloat();
      vectors.add(new Vector(each.getAsJsonObject().get("text").getAsString(), vector));
    }
    return vectors;
  }

  private static List<Vector> vectors(Run run) {
    assertThat(run).returns(0, Run::status).returns("", Run::err);
    return vectors(run.out());
  }

  private static double length(float[] vector) {
    double sum = 0;
    for (float x : vector) sum += (double) x * x;
    return Math.sqrt(sum);
  }

  @Test
  void aVectorALine() throws IOException {
    var vectors = vectors(fovea("embed", model, "--texts", lines, "--json"));
    assertThat(vectors).extracting(Vector::text).isEqualTo(LINES);
    assertThat(vectors).allSatisfy(each -> assertThat(length(each.embedding)).isCloseTo(1, within(1e-6)));
    assertThat(vectors.get(4).embedding).isEqualTo(vectors.get(0).embedding);
    var one = vectors(fovea("embed", model, "--text", LINES.get(1), "--json")).getFirst();
    assertThat(one.embedding).isEqualTo(vectors.get(1).embedding);
    var input = System.in;
    System.setIn(new ByteArrayInputStream(String.join("\n", LINES).getBytes(StandardCharsets.UTF_8)));
    try {
      assertThat(vectors(fovea("embed", model, "--texts", "-", "--json"))).usingRecursiveComparison().isEqualTo(vectors);
    } finally {
      System.setIn(input);
    }
    for (var name : List.of("x.json", "x.npy", "x.safetensors"))
      assertThat(fovea("embed", model, "--texts", lines, "-o", file(name))).isEqualTo(new Run(0, "", ""));
    assertThat(vectors(Files.readString(folder.resolve("x.json")))).usingRecursiveComparison().isEqualTo(vectors);
    assertThat(JsonParser.parseString(Files.readString(folder.resolve("x.npy.names.json"))).getAsJsonArray()).hasSize(5);
  }

  @Test
  void poolingsPromptsAndLengths() {
    var published = vectors(fovea("embed", model, "--text", "E = mc^2", "--json")).getFirst().embedding;
    for (var pool : List.of("class", "max", "mean-sqrt-length"))
      assertThat(vectors(fovea("embed", model, "--text", "E = mc^2", "--pool", pool, "--no-normalize", "--json")).getFirst().embedding)
          .as(pool).isNotEqualTo(published);
    var mean = vectors(fovea("embed", model, "--text", "E = mc^2", "--pool", "mean", "--no-normalize", "--json")).getFirst().embedding;
    for (int i = 0; i < mean.length; i++) assertThat(mean[i] / length(mean)).isCloseTo(published[i], within(1e-6));
    assertThat(vectors(fovea("embed", model, "--text", "= mc^2", "--prompt", "E ", "--json")).getFirst().embedding)
        .isEqualTo(published);
  }

  @Test
  void theMostSimilarLines() {
    var ranking = fovea("embed", model, "--texts", lines, "--similar-text", "two dogs run across the green field.", "--top", "2");
    assertThat(ranking).returns(0, Run::status).returns("", Run::err);
    assertThat(ranking.out().lines()).hasSize(3).element(1).asString().matches("   1\\.0000 +2  two dogs run across the green field\\.");
    var json = JsonParser.parseString(fovea("embed", model, "--texts", lines, "--similar-text", "E = mc^2", "--json").out())
        .getAsJsonArray().get(0).getAsJsonObject();
    assertThat(json.get("query").getAsString()).isEqualTo("E = mc^2");
    assertThat(json.getAsJsonArray("similar")).hasSize(5);
    assertThat(json.getAsJsonArray("similar").get(0).getAsJsonObject().get("line").getAsInt()).isEqualTo(4);
  }

  @Test
  void whatIsCutOffIsToldOnce() throws IOException {
    Files.write(Path.of(lines), List.of("a cat ".repeat(40), "a cat", "two dogs ".repeat(50)));
    var run = fovea("embed", model, "--texts", lines, "--json");
    assertThat(run.err()).isEqualTo("fovea: 2 of 3 texts have more than 32 tokens, which is all that the model reads of a text\n");
    assertThat(vectors(run.out())).hasSize(3);
  }

  @Test
  void anEncoderWithoutAPoolingSaysSo() {
    var bare = file("bare.safetensors");
    fovea("convert", FIXTURE.resolveSibling("bert-tiny-classifier").toString(), "-o", bare);
    assertThat(fovea("embed", bare, "--text", "a cat", "--json").err()).isEqualTo("fovea: " + bare
        + ": published without a pooling; takes the mean of the tokens, as --pool mean does\n");
    assertThat(fovea("embed", bare, "--text", "a cat", "--json", "--pool", "class").err()).isEmpty();
  }

  /// The vectors of an interrupted run are taken over: those in the journal are not the model's here.
  @Test
  void resume() throws IOException {
    var whole = file("whole.json");
    assertThat(fovea("embed", model, "--texts", lines, "-o", whole)).isEqualTo(new Run(0, "", ""));
    var journal = folder.resolve("x.json.partial");
    try (var unfinished = EmbedJournal.ofTexts(folder.resolve("x.json"), settings(), true)) {
      unfinished.known(LINES.getFirst());
      unfinished.add(new Embedding(LINES.getFirst(), new float[48]));
    }
    assertThat(journal).exists();
    assertThat(fovea("embed", model, "--texts", lines, "-o", file("x.json"), "--resume")).isEqualTo(new Run(0, "", ""));
    var resumed = vectors(Files.readString(folder.resolve("x.json")));
    assertThat(resumed.get(0).embedding).isEqualTo(new float[48]);
    assertThat(resumed.get(1).embedding).isEqualTo(vectors(Files.readString(Path.of(whole))).get(1).embedding);
    assertThat(journal).doesNotExist();
  }

  private String settings() {
    return "{kernels=vector, model=" + model + ", model_stamp=" + EmbedJournal.stamp(model)
        + ", normalized=true, pooling=mean, prompt=}";
  }
}
