package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.cli.CommandsTest.Run;
import dev.fovea.engine.checkpoint.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `explain` writes of each family.
class ExplainCommandTest {
  private static final Path FIXTURES = Path.of("../weights-converter/src/test/resources/fixtures"),
      DEMO = Path.of("src/main/resources/dev/fovea/cli/demo");
  private static final String SCENE = DEMO.resolve("scene.png").toString();

  @TempDir
  private Path folder;

  private static Run explain(String... arguments) {
    var all = new ArrayList<>(List.of("explain"));
    all.addAll(List.of(arguments));
    return fovea(all.toArray(String[]::new));
  }

  private String model(String name) {
    if (Files.exists(DEMO.resolve(name + ".safetensors"))) return DEMO.resolve(name + ".safetensors").toString();
    var file = folder.resolve(name + ".safetensors");
    if (!Files.exists(file)) assertThat(fovea("convert", FIXTURES.resolve(name).toString(), "-o", file.toString())).returns(0, Run::status);
    return file.toString();
  }

  /// The numbers in a page.
  private static JsonObject data(Path page) throws IOException {
    var text = Files.readString(page);
    int from = text.indexOf("<script id=\"data\" type=\"application/json\">") + 42;
    return JsonParser.parseString(text.substring(from, text.indexOf("</script>", from))).getAsJsonObject();
  }

  private JsonObject page(String... arguments) throws IOException {
    var page = folder.resolve("page.html");
    var all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("-o", page.toString()));
    assertThat(explain(all.toArray(String[]::new))).returns(0, Run::status).returns("", Run::err)
        .extracting(Run::out).asString().startsWith(page + ": ");
    var text = Files.readString(page);
    assertThat(Files.size(page)).isLessThan(10_000_000);
    // Nothing is loaded: what is named is a name space or a picture in the page itself.
    assertThat(text.replace("http://www.w3.org/2000/svg", "")).doesNotContain("http:", "https:", "@import", "url(");
    assertThat(text).doesNotContainPattern("(?i)\\s(src|href)=").contains("default-src 'none'");
    return data(page);
  }

  private static float[] decoded(JsonObject map) {
    var weights = map.getAsJsonObject("weights");
    return ExplainPage.decoded(new ExplainPage.Bytes(Json.LINE.fromJson(weights.get("shape"), int[].class),
        weights.get("scales").getAsString(), weights.get("bytes").getAsString()), false);
  }

  private static JsonObject map(JsonObject data, String name) {
    for (var map : data.getAsJsonArray("maps")) if (map.getAsJsonObject().get("name").getAsString().equals(name)) return map.getAsJsonObject();
    throw new AssertionError("no map " + name);
  }

  /// The page's numbers are the reference implementation's, but for their rounding to bytes.
  @ParameterizedTest
  @CsvSource({"vit-tiny, 3", "vit-tiny-rect-nobias, 2", "segformer-tiny, 4", "segformer-tiny-rect, 4"})
  void goldenAttentions(String golden, int layers) throws IOException {
    var data = page(model(golden), FIXTURES.resolve(golden).resolve("image.png").toString());
    assertThat(data.getAsJsonArray("maps").size()).isGreaterThanOrEqualTo(layers);
    try (var reference = Checkpoint.open(FIXTURES.resolve(golden).resolve("reference.safetensors"))) {
      for (int layer = 0; layer < layers; layer++) {
        var expected = reference.tensor("output.attentions." + layer).toFloats();
        var shown = decoded(map(data, "attentions." + layer));
        // The picture is the first of the case's batch.
        assertThat(expected.length % shown.length).isZero();
        int keys = map(data, "attentions." + layer).getAsJsonObject("weights").getAsJsonArray("shape").get(3).getAsInt();
        for (int row = 0; row < shown.length; row += keys) {
          float most = 0;
          for (int k = 0; k < keys; k++) most = Math.max(most, expected[row + k]);
          for (int k = 0; k < keys; k++) assertThat(shown[row + k]).isCloseTo(expected[row + k], within(most / 510 + 2e-5f));
        }
      }
    }
  }

  /// Every family, with what it takes beside a picture.
  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {
      "vit; scene; attentions.4", "segformer; scene; attentions.3",
      "sam; scene --point 98,95; point.multi.mask_decoder.0.layers.1.image_to_token",
      "grounding-dino; scene a_yellow_circle.; encoder.layers.2.text_to_vision",
      "grounding-dino; scene --labels circle,star; encoder.layers.0.vision_to_text",
      "vlm; scene How_many_shapes_are_there?; attentions.4",
      "clip-tiny; scene --labels cat,dog; vision_model_output.attentions.1",
      "siglip-tiny; scene --labels cat,dog; vision_model_output.pooling.attentions",
      "dinov2-tiny-registers; scene; attentions.1", "dinov2-tiny-classifier; scene; attentions.1",
      "bert-tiny-classifier; --text the_fox; attentions.1"})
  void everyFamily(String name, String arguments, String map) throws IOException {
    var all = new ArrayList<>(List.of(model(name)));
    for (var argument : arguments.split(" ")) all.add(argument.equals("scene") ? SCENE : argument.replace('_', ' '));
    var data = page(all.toArray(String[]::new));
    var weights = decoded(map(data, map));
    int keys = map(data, map).getAsJsonObject("weights").getAsJsonArray("shape").get(3).getAsInt();
    for (int row = 0; row < weights.length; row += keys) {
      double sum = 0;
      for (int k = 0; k < keys; k++) sum += weights[row + k];
      assertThat(sum).isBetween(0.5, 1.5);
    }
    assertThat(data.getAsJsonObject("about").get("sha256").getAsString()).hasSize(64);
    switch (name) {
      case "vit" -> {
        assertThat(data.getAsJsonArray("chains").get(0).getAsJsonObject().getAsJsonArray("early")).hasSize(6);
        for (var part : List.of("positions", "filters", "features", "operands")) assertThat(data.has(part)).as(part).isTrue();
      }
      case "clip-tiny", "siglip-tiny" -> assertThat(data.getAsJsonArray("effects")).hasSize(2);
      case "grounding-dino" -> assertThat(data.getAsJsonArray("samples")).isNotEmpty();
      case "vlm" -> {
        assertThat(data.get("text").getAsString()).isNotBlank();
        assertThat(map(data, map).getAsJsonArray("keys").toString()).contains("PATCH");
      }
      case "bert-tiny-classifier" -> assertThat(names(map(data, map), "keyNames")).contains("[CLS]", "fox");
      default -> assertThat(data.getAsJsonArray("maps")).isNotEmpty();
    }
  }

  private static String names(JsonObject map, String which) {
    return ((JsonArray) map.get(which)).toString();
  }

  @Test
  void jsonAndNpz() throws IOException {
    Path json = folder.resolve("x.json"), npz = folder.resolve("x.npz");
    assertThat(explain(model("vit-tiny"), FIXTURES.resolve("vit-tiny/image.png").toString(), "--json", json.toString(), "--npz", npz.toString()))
        .returns(0, Run::status).returns("", Run::err).returns("", Run::out);
    var all = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertThat(all.keySet()).containsExactly("about", "notes", "answers", "maps", "arrays");
    var first = all.getAsJsonObject("arrays").getAsJsonObject("attentions.0");
    float[] values = Json.LINE.fromJson(first.get("values"), float[].class);
    try (var reference = Checkpoint.open(FIXTURES.resolve("vit-tiny/reference.safetensors"))) {
      var expected = reference.tensor("output.attentions.0").toFloats();
      assertThat(values).containsExactly(Arrays.copyOf(expected, values.length), within(1e-5f));
    }
    assertThat(all.getAsJsonObject("maps").getAsJsonObject("attentions.0").get("queries")).hasToString("[[\"CLASS\",1,1],[\"PATCH\",4,4]]");
    try (var zip = new ZipFile(npz.toFile())) {
      assertThat(zip.stream().map(entry -> entry.getName().replace(".npy", ""))).containsExactlyElementsOf(all.getAsJsonObject("arrays").keySet());
    }
  }

  /// Labels and names of files are text, whatever they look like.
  @Test
  void nothingIsMarkup() throws IOException {
    var data = page(model("clip-tiny"), SCENE, "--labels", "</script><script>alert(1)</script>,<b>&amp;");
    assertThat(data.getAsJsonObject("about").getAsJsonArray("texts").get(0).getAsString()).isEqualTo("</script><script>alert(1)</script>");
    assertThat(Files.readString(folder.resolve("page.html"))).doesNotContain("alert(1)</script>");
  }

  private void requireRefusal(String message, String... arguments) {
    assertThat(explain(arguments)).as(Arrays.toString(arguments)).returns(2, Run::status).returns("", Run::out)
        .returns("fovea: " + message + "\n", Run::err);
  }

  @Test
  void wrongUse() {
    String none = "no-such-model", page = folder.resolve("x.html").toString();
    requireRefusal("expected -o FILE.html, --json FILE or --npz FILE", none, SCENE);
    requireRefusal("expected a picture or --text, got none", none, "-o", page);
    requireRefusal("expected a picture or --text, got both", none, SCENE, "--text", "a", "-o", page);
    requireRefusal("--labels: expected no sentence beside it", none, SCENE, "a cat", "--labels", "a", "-o", page);
    requireRefusal("--labels: expected labels with commas between, got an empty one in 'a,'", none, SCENE, "--labels", "a,", "-o", page);
    requireRefusal("--layer: expected at least 0, got -1", none, SCENE, "--layer", "-1", "-o", page);
    requireRefusal("--discard: expected 0 to below 1, got 1.0", none, SCENE, "--discard", "1", "-o", page);
    requireRefusal("--max-tokens: expected at least 1, got 0", none, SCENE, "--max-tokens", "0", "-o", page);
    requireRefusal("--point: expected 2 numbers with commas between, got '1'", none, SCENE, "--point", "1", "-o", page);
    requireRefusal(model("vit") + ": layer: expected 0 to 4, got 9", model("vit"), SCENE, "--layer", "9", "-o", page);
    requireRefusal(model("vit") + ": expected no text for this model", model("vit"), SCENE, "a cat", "-o", page);
    requireRefusal(model("sam") + ": expected a point on the picture, got none", model("sam"), SCENE, "-o", page);
    requireRefusal(model("grounding-dino") + ": expected a text, got none", model("grounding-dino"), SCENE, "-o", page);
    requireRefusal(model("bert-tiny-classifier") + ": expected texts, got a picture", model("bert-tiny-classifier"), SCENE, "-o", page);
    assertThat(folder.resolve("x.html")).doesNotExist();
  }
}
