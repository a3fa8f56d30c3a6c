package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.cli.CommandsTest.Run;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.models.LoadedModel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The table of a pass, its JSON and its page.
class TraceCommandTest {
  private static final String DEMO = "src/main/resources/dev/fovea/cli/demo/", SCENE = DEMO + "scene.png", VIT = DEMO + "vit.safetensors";

  @TempDir
  private Path folder;

  private static List<JsonObject> rows(JsonObject trace, String name) {
    return StreamSupport.stream(trace.getAsJsonArray(name).spliterator(), false).map(JsonElement::getAsJsonObject).toList();
  }

  private static JsonObject only(Run run) {
    assertThat(run).as(run.err()).returns(0, Run::status);
    assertThat(JsonParser.parseString(run.out())).isInstanceOf(JsonArray.class);
    return JsonParser.parseString(run.out()).getAsJsonArray().get(0).getAsJsonObject();
  }

  private static double sum(List<JsonObject> rows, String field) {
    return rows.stream().mapToDouble(row -> row.get(field).getAsDouble()).sum();
  }

  /// Every operation of the recorded pass, and the probabilities of the classes; all of the time; lines that call something.
  @Test
  void rowsAreTheOperationsOfThePass() throws IOException {
    var page = folder.resolve("flame.html");
    var trace = only(fovea("trace", VIT, SCENE, "--runs", "2", "--json", "--html", page.toString()));
    assertThat(trace.keySet()).containsExactly("model", "family", "task", "images", "texts", "kernels", "threads", "runs", "ms",
        "call_ms", "macs", "gflops", "peak_gflops", "share_of_peak", "operations", "kinds");
    assertThat(trace.get("task").getAsString()).isEqualTo("classify");
    var rows = rows(trace, "operations");
    assertThat(rows.getFirst().keySet()).containsExactly("number", "operation", "fused", "sizes", "shape", "mean", "spread",
        "not_finite", "ms", "share", "macs", "gflops", "share_of_peak", "source", "method", "calls");
    var expected = new ArrayList<>(recorded());
    expected.add("softmax");
    assertThat(rows).extracting(row -> row.get("operation").getAsString()).isEqualTo(expected);
    assertThat(sum(rows, "share")).isCloseTo(1, within(1e-9));
    assertThat(sum(rows, "ms")).isCloseTo(trace.get("ms").getAsDouble(), within(1e-6));
    assertThat(rows).allSatisfy(row -> assertThat(row.has("share_of_peak")).isEqualTo(row.get("macs").getAsLong() > 0));
    var kinds = rows(trace, "kinds");
    assertThat(sum(kinds, "count")).isEqualTo(rows.size());
    assertThat(sum(kinds, "share")).isCloseTo(1, within(1e-9));
    assertThat(rows.getLast().get("mean").getAsDouble()).as("36 probabilities").isCloseTo(1 / 36.0, within(1e-6));
    for (var row : rows) {
      assertThat(line(row.get("source").getAsString())).as(row.toString()).contains("(");
      for (var call : row.getAsJsonArray("calls")) assertThat(line(call.getAsString().split(" ")[1])).contains("(");
    }
    assertThat(rows).extracting(row -> row.get("method").getAsString()).contains("ViT.embed", "EncoderBlock.forward");
    requireSelfContained(Files.readString(page));
    assertThat(Files.readString(page).split(">EncoderBlock.forward<", -1)).as("a box a block").hasSize(5 + 1);
  }

  private static List<String> recorded() {
    try (var checkpoint = Checkpoint.open(Path.of(VIT)); var arena = Arena.ofShared()) {
      return LoadedModel.of(checkpoint, arena).dryRun(1, 0).operations().stream().map(Operation::name).toList();
    }
  }

  private static String line(String source) throws IOException {
    var parts = source.split(":");
    for (var module : List.of("models", "engine"))
      try (var files = Files.walk(Path.of("..", module, "src/main/java"))) {
        var found = files.filter(file -> file.endsWith(parts[0])).findFirst();
        if (found.isPresent()) return Files.readAllLines(found.get()).get(Integer.parseInt(parts[1]) - 1);
      }
    throw new AssertionError(source + ": there is no such file");
  }

  private static void requireSelfContained(String page) {
    assertThat(page).contains("default-src 'none'").contains("prefers-color-scheme: dark");
    assertThat(page).doesNotContain("http:").doesNotContain("https:").doesNotContain("src=").doesNotContain("url(")
        .doesNotContain("@import").doesNotContain("fetch(");
    assertThat(page.replace("<link rel=\"icon\" href=\"data:,\">", "")).doesNotContain("<link").doesNotContain("href");
  }

  @Test
  void theTableFitsATerminal() {
    var table = fovea("trace", VIT, SCENE, "--runs", "1", "--top", "3");
    assertThat(table).as(table.err()).returns(0, Run::status);
    var lines = table.out().lines().toList();
    assertThat(lines.subList(3, lines.size())).allMatch(line -> line.length() <= 120);
    assertThat(lines.get(4).strip().split(" {2,}")).containsExactly("#", "operation", "shape", "mean", "spread", "ms", "whole", "peak",
        "line");
    assertThat(lines.subList(5, 8)).allMatch(line -> line.matches(".*\\.java:\\d+"));
    assertThat(lines.get(8)).isEmpty();
  }

  /// A text of a user's, or a name, is text in the page.
  @Test
  void thePageEscapes() throws IOException {
    var page = folder.resolve("detect.html");
    var run = fovea("trace", DEMO + "grounding-dino.safetensors", SCENE, "--text", "<script>alert('\"&')</script> a square.", "--runs",
        "1", "-o", page.toString());
    assertThat(run).as(run.err()).returns(0, Run::status).returns("", Run::out);
    assertThat(Files.readString(page)).contains("&lt;script&gt;alert(&#39;&quot;&amp;&#39;)").doesNotContain("<script>alert");
    requireSelfContained(Files.readString(page));
  }

  /// Each family's task, and a line of the family's own.
  @ParameterizedTest
  @CsvSource({"segformer.safetensors, segment, Segformer.java", "sam.safetensors, mask, MaskDecoder.java",
      "vlm.safetensors, ask, Llama.java"})
  void tasks(String model, String task, String file) {
    var arguments = new ArrayList<>(List.of("trace", DEMO + model, SCENE, "--runs", "1", "--json"));
    if (task.equals("ask")) arguments.addAll(List.of("--text", "How many?"));
    var trace = only(fovea(arguments.toArray(String[]::new)));
    assertThat(trace.get("task").getAsString()).isEqualTo(task);
    assertThat(rows(trace, "operations")).anyMatch(row -> row.get("source").getAsString().startsWith(file + ":"));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      vit.safetensors                                   | family vit, for classify: expected a picture, got none
      vit.safetensors scene.png --text a                | --text: family vit, for classify: expected none, got 1
      vit.safetensors scene.png --point 1,1             | --point: family vit, for classify: expected none
      vit.safetensors scene.png --template chatml       | --template: family vit, for classify: expected none
      vit.safetensors scene.png --runs 0                | --runs: expected at least 1, got 0
      vit.safetensors scene.png --top 0                 | --top: expected at least 1, got 0
      vit.safetensors scene.png --html --json           | --html: expected a FILE.html beside --json
      vit.safetensors scene.png --html flame.png        | --html: expected a file name that ends in .html, got flame.png
      sam.safetensors scene.png --point 1               | --point: expected 2 numbers with commas between, got '1'
      grounding-dino.safetensors scene.png              | --text: family grounding_dino, for detect: expected one, got none
      grounding-dino.safetensors scene.png --text .     | --text: expected at least one word, got '.'
      """)
  void wrongUse(String arguments, String expected) {
    var words = Stream.concat(Stream.of("trace"), Stream.of(arguments.split(" ")).map(word ->
        word.matches("scene.png|.*safetensors") ? DEMO + word : word)).toArray(String[]::new);
    assertThat(fovea(words)).isEqualTo(new Run(2, "", "fovea: " + expected + System.lineSeparator()));
  }

  @Test
  void valuesOfAnOutput() {
    var x = Tensor.of(Arena.ofAuto(), new float[] {1, 3, Float.NaN, 5, Float.NEGATIVE_INFINITY, 9}, 6).segment();
    var dense = OutputValues.of(new Operation.Scale(x, 1, x, 6));
    assertThat(dense).isEqualTo(new OutputValues(List.of(6L), 4.5, Math.sqrt((12.25 + 2.25 + .25 + 20.25) / 4), 2));
    var odd = new Matrices(x, 1, 1, 1, 2, 0, 0, 0, 3);
    assertThat(OutputValues.of(new Operation.Copy(odd, odd))).isEqualTo(new OutputValues(List.of(2L), 3, 2, 0));
  }

  private static SourceFrame frame(String name, int position) {
    return new SourceFrame("A", name + "()", name, "A.java", 1, position);
  }

  private static Trace.Row row(int number, double ms) {
    return new Trace.Row(number, "op", List.of(), List.of(), List.of(), 0, 0, 0, ms, 0, 0, null, null, "", "", List.of());
  }

  /// A loop of two blocks with two operations each, and one after it.
  @Test
  void aMethodThatStartsAgainHasItsOwnBox() {
    var frames = List.of(List.of(frame("all", 5), frame("block", 1)), List.of(frame("all", 5), frame("block", 9)),
        List.of(frame("all", 5), frame("block", 1)), List.of(frame("all", 5), frame("block", 9)), List.of(frame("all", 8)));
    var flame = new Flame(IntStream.rangeClosed(1, 5).mapToObj(i -> row(i, i)).toList(), frames);
    var methods = flame.boxes().stream().filter(box -> box.row == null).map(box -> box.frame.name() + " " + box.ms()).toList();
    assertThat(methods).containsExactly("all 15.0", "block 3.0", "block 7.0");
    assertThat(flame.depth()).isEqualTo(3);
    assertThat(flame.boxes().stream().filter(box -> box.row != null).collect(Collectors.toMap(box -> box.row.number(), box -> box.start)))
        .isEqualTo(Map.of(1, 0.0, 2, 1.0, 3, 3.0, 4, 6.0, 5, 10.0));
  }
}
