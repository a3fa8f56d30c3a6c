package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import dev.fovea.cli.CommandsTest.Run;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Tensors that hold no numbers, and files whose elements are of other types.
class NotANumberTest {
  private static final Path FIXTURES = Path.of("../weights-converter/src/test/resources/fixtures");
  private static final String CACHE = "fovea.cache";

  @TempDir
  private Path folder;
  private String before;

  @BeforeEach
  void useItsOwnCache() {
    before = System.setProperty(CACHE, folder.resolve("cache").toString());
  }

  @AfterEach
  void useTheFormerCache() {
    if (before == null) System.clearProperty(CACHE);
    else System.setProperty(CACHE, before);
  }

  /// As a strict reader takes it: NaN is no JSON.
  private static JsonElement strictly(String json) throws IOException {
    var reader = new JsonReader(new StringReader(json));
    reader.setStrictness(Strictness.STRICT);
    var skipped = new JsonReader(new StringReader(json));
    skipped.setStrictness(Strictness.STRICT);
    skipped.skipValue();
    return JsonParser.parseReader(reader);
  }

  /// The golden ViT, one of whose tensors is filled with a value.
  private Path filled(String tensor, float value) throws IOException {
    var source = FIXTURES.resolve("vit-tiny");
    var copy = Files.createDirectory(folder.resolve("vit"));
    for (var name : List.of("config.json", "preprocessor_config.json")) Files.copy(source.resolve(name), copy.resolve(name));
    try (var checkpoint = Checkpoint.open(source.resolve("model.safetensors"))) {
      var writer = new CheckpointWriter();
      checkpoint.tensors().values().forEach(each -> {
        var floats = each.toFloats();
        if (each.name().equals(tensor)) Arrays.fill(floats, value);
        var bytes = ByteBuffer.allocate(4 * floats.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(floats);
        writer.tensor(each.name(), DType.F32, each.shape().stream().mapToLong(Long::longValue).toArray(),
            sink -> sink.write(bytes.duplicate()));
      });
      writer.write(copy.resolve("model.safetensors"));
    }
    return copy;
  }

  @Test
  void weightsAreCountedOnStderrAndInTheReport() throws IOException {
    var model = filled("vit.layernorm.bias", Float.NaN);
    var line = "fovea: " + model + ": weights that are NaN or infinite, kept as they are: 48, in norm.bias 48";
    var converted = fovea("convert", model.toString(), "-o", folder.resolve("vit.safetensors").toString(), "--json");
    assertThat(converted).as(converted.err()).returns(0, Run::status);
    assertThat(converted.err().lines()).containsExactly(line);
    assertThat(strictly(converted.out()).getAsJsonObject().getAsJsonObject("non_finite").get("norm.bias").getAsInt()).isEqualTo(48);
    var classified = fovea("classify", model.toString(), FIXTURES.resolve("vit-tiny/image.png").toString(), "--json");
    assertThat(classified.err().lines()).hasSize(2).last().isEqualTo(line);
    assertThat(fovea("convert", FIXTURES.resolve("vit-tiny").toString(), "--dry-run").err()).isEmpty();
  }

  /// Every command's JSON of a model that computes NaN.
  @Test
  void jsonStaysJson() throws IOException {
    var model = folder.resolve("vit.safetensors").toString();
    var picture = FIXTURES.resolve("vit-tiny/image.png").toString();
    assertThat(fovea("convert", filled("vit.layernorm.bias", Float.NaN).toString(), "-o", model).status()).isZero();
    var verified = fovea("verify", model, "--against", FIXTURES.resolve("vit-tiny/reference.safetensors").toString(), "--json");
    assertThat(verified).as(verified.err()).returns(1, Run::status);
    assertThat(verified.out()).contains("\"max_error\": \"Infinity\"");
    strictly(verified.out());
    for (var command : List.of(List.of("classify", model, picture, "--json"), List.of("embed", model, picture, "--json"),
        List.of("inspect", model, "--json"), List.of("trace", model, picture, "--json", "--runs", "1"))) {
      var run = fovea(command.toArray(String[]::new));
      assertThat(run).as(command + run.err()).returns(0, Run::status);
      strictly(run.out());
      if (!command.getFirst().equals("inspect")) assertThat(run.out()).contains("\"NaN\"");
    }
    var file = folder.resolve("e.json");
    assertThat(fovea("embed", model, picture, "-o", file.toString()).status()).isZero();
    strictly(Files.readString(file));
  }

  @Test
  void numbersThatJsonHasNot() {
    assertThat(Json.LINE.toJson(new double[] {1.5, Double.NaN, Double.POSITIVE_INFINITY})).isEqualTo("[1.5,\"NaN\",\"Infinity\"]");
    assertThat(Json.LINE.toJson(new float[] {0.1f, Float.NEGATIVE_INFINITY})).isEqualTo("[0.1,\"-Infinity\"]");
    assertThat(Json.LINE.fromJson("[0.1,\"-Infinity\"]", float[].class)).containsExactly(0.1f, Float.NEGATIVE_INFINITY);
  }

  private Path file(String header, int bytes) throws IOException {
    var text = header.replace('\'', '"').getBytes();
    var file = folder.resolve("model.safetensors");
    Files.write(file, ByteBuffer.allocate(8 + text.length + bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(text.length).put(text)
        .array());
    return file;
  }

  @Test
  void otherTypesAreShown() throws IOException {
    var file = file("{'a':{'dtype':'F8_E4M3','shape':[2,3],'data_offsets':[0,6]},'b':{'dtype':'F4','shape':[4],'data_offsets':[6,8]},"
        + "'c':{'dtype':'C64','shape':[1],'data_offsets':[8,16]}}", 16);
    var run = fovea("inspect", file.toString());
    assertThat(run).as(run.err()).returns(0, Run::status);
    assertThat(run.out().lines().skip(2)).containsExactly("a F8_E4M3 [2, 3]", "b F4    [4]", "c C64   [1]");
  }

  @Test
  void aTensorWithoutAName() throws IOException {
    var file = file("{'':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}", 4);
    var run = fovea("inspect", file.toString());
    assertThat(run).as(run.err()).returns(0, Run::status);
    assertThat(run.out().lines().skip(2)).containsExactly("'' F32   [1]");
    var json = strictly(fovea("inspect", file.toString(), "--json").out()).getAsJsonObject();
    assertThat(json.getAsJsonArray("tensors").get(0).getAsJsonObject())
        .returns("", (JsonObject row) -> row.get("name").getAsString());
    assertThat(fovea("convert", file.toString(), "--dry-run")).returns(2, Run::status)
        .returns("fovea: " + file
            + ": there is no config.json beside it, and the names of its tensors are of no family known here: ''; give "
            + "--config FILE, or --preset NAME", converted -> converted.err().strip());
  }

  @Test
  void whatWasAssumedIsShown() throws IOException {
    var model = filled("none", 0);
    Files.writeString(model.resolve("preprocessor_config.json"), Files.readString(model.resolve("preprocessor_config.json"))
        .replace("\"resample\": 2,", ""));
    var line = "preprocessor_config.json: resample: 2, the default of ViTImageProcessor";
    var file = folder.resolve("vit.safetensors").toString();
    assertThat(fovea("inspect", model.toString()).out()).contains("assumed      " + line + System.lineSeparator());
    assertThat(fovea("convert", model.toString(), "-o", file).out()).contains("assumed      " + line + System.lineSeparator());
    assertThat(fovea("inspect", file).out()).contains("assumed      " + line + System.lineSeparator());
    for (var json : List.of(fovea("inspect", model.toString(), "--json"), fovea("inspect", file, "--json")))
      assertThat(strictly(json.out()).getAsJsonObject().getAsJsonArray("assumed")).singleElement()
          .extracting(JsonElement::getAsString).isEqualTo(line);
  }
}
