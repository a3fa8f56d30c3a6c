package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.cli.CommandsTest.Run;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Commands on published checkpoints that nobody has converted.
class UnconvertedTest {
  private static final Path FIXTURES = Path.of("../weights-converter/src/test/resources/fixtures");
  private static final String CACHE = "fovea.cache";

  @TempDir
  private Path folder;
  private Path cache;
  private String before;

  @BeforeEach
  void useItsOwnCache() {
    cache = folder.resolve("cache");
    before = System.setProperty(CACHE, cache.toString());
  }

  @AfterEach
  void useTheFormerCache() {
    if (before == null) System.clearProperty(CACHE);
    else System.setProperty(CACHE, before);
  }

  private static String fixture(String name) {
    return FIXTURES.resolve(name).toString();
  }

  /// Runs a command on a golden case twice: told in one line the first time, silent the second, and no file written then.
  private Run onceConverted(String golden, String... arguments) throws IOException {
    var first = fovea(arguments);
    assertThat(first).as(first.err()).returns(0, Run::status);
    assertThat(first.err().lines()).singleElement().asString()
        .startsWith("fovea: converting " + fixture(golden) + ", once, to " + cache.toRealPath().resolve("models"));
    var files = cached();
    var second = fovea(arguments);
    assertThat(second).as(second.err()).returns(0, Run::status).returns("", Run::err);
    assertThat(cached()).isEqualTo(files);
    return second;
  }

  /// Names, and what would change if a file were written again.
  private Map<String, String> cached() throws IOException {
    var files = new TreeMap<String, String>();
    try (var all = Files.list(cache.resolve("models"))) {
      for (var file : all.toList())
        files.put(file.getFileName().toString(), Files.readAttributes(file, "lastModifiedTime,fileKey").toString());
    }
    return files;
  }

  @ParameterizedTest
  @CsvSource({"vit-tiny,classify", "vit-tiny.pytorch_bin,classify", "vit-tiny.legacy_pth,classify", "vit-tiny.sharded,classify",
      "vit-tiny.timm,classify", "vit-tiny.f16,classify", "dinov2-tiny-classifier,classify", "dinov2-tiny,embed",
      "dinov2-tiny.facebook,embed", "clip-tiny,embed", "segformer-tiny,segment"})
  void pictures(String golden, String command) throws IOException {
    assertThat(onceConverted(golden, command, fixture(golden), fixture("vit-tiny/image.png")).out())
        .startsWith(fixture("vit-tiny/image.png"));
  }

  @Test
  void everyOtherCommand() throws IOException {
    var picture = fixture("vit-tiny/image.png");
    onceConverted("clip-tiny", "zero-shot", fixture("clip-tiny"), picture, "--labels", "a cat,a dog");
    assertThat(fovea("embed", fixture("clip-tiny"), picture, "--similar-text", "a cat").out()).startsWith("a cat");
    onceConverted("sam-tiny.facebook", "mask", fixture("sam-tiny.facebook"), picture, "--point", "20,20", "--not", "3,4");
    onceConverted("bert-tiny-classifier", "classify", fixture("bert-tiny-classifier"), "--text", "I love you all");
    onceConverted("vit-tiny", "verify", fixture("vit-tiny"), "--against", fixture("vit-tiny/reference.safetensors"));
    assertThat(fovea("bench", fixture("vit-tiny"), "--runs", "1")).returns(0, Run::status).returns("", Run::err);
    assertThat(cached()).hasSize(4);
  }

  @Test
  void weightsStandForTheirFolder() throws IOException {
    var picture = fixture("vit-tiny/image.png");
    var answer = onceConverted("vit-tiny/model.safetensors", "classify", fixture("vit-tiny/model.safetensors"), picture).out();
    assertThat(fovea("classify", fixture("vit-tiny"), picture)).returns(answer, Run::out).returns("", Run::err);
    assertThat(onceConverted("vit-tiny.sharded/model.safetensors.index.json", "classify",
        fixture("vit-tiny.sharded/model.safetensors.index.json"), picture).out()).isEqualTo(answer);
  }

  /// Its tokenizer can be read without a conversion.
  @Test
  void tokenize() {
    var expected = fovea("tokenize", fixture("clip-tiny/tokenizer.json"), "a cat");
    assertThat(expected.out()).contains("ids ");
    for (var model : List.of("clip-tiny", "clip-tiny/model.safetensors"))
      assertThat(fovea("tokenize", fixture(model), "a cat")).isEqualTo(expected);
    assertThat(fovea("tokenize", fixture("vit-tiny.pytorch_bin/pytorch_model.bin"), "a cat")).returns(2, Run::status)
        .returns(true, run -> run.err().contains("vit-tiny.pytorch_bin: there is no tokenizer in this folder"));
    assertThat(cache).doesNotExist();
  }

  /// The embeddings of an interrupted run are of the same model when that was only found again in the cache.
  @Test
  void resume() throws IOException {
    var output = folder.resolve("vectors.npy").toString();
    var picture = fixture("vit-tiny/image.png");
    var text = Files.writeString(folder.resolve("text.png"), "this is no picture").toString();
    fovea("embed", fixture("dinov2-tiny"), picture, text, "-o", output);
    var again = fovea("embed", fixture("dinov2-tiny"), picture, text, "-o", output, "--resume");
    assertThat(again.err()).contains("text.png: not a picture").doesNotContain("computed anew");
  }

  @Test
  void noCache() {
    var picture = fixture("vit-tiny/image.png");
    for (var model : List.of(fixture("vit-tiny"), fixture("vit-tiny/model.safetensors")))
      assertThat(fovea("classify", model, picture, "--no-cache")).returns(2, Run::status).returns("", Run::out)
          .returns("fovea: " + model + ": is not converted, which --no-cache leaves to you: fovea convert " + model
              + " -o model.safetensors\n", Run::err);
    assertThat(cache).doesNotExist();
    var model = folder.resolve("model.safetensors").toString();
    fovea("convert", fixture("vit-tiny"), "-o", model);
    assertThat(fovea("classify", model, picture, "--no-cache")).returns(0, Run::status).returns("", Run::err);
  }

  @Test
  void aModelFileNeedsNoCache() throws IOException {
    System.setProperty(CACHE, Files.writeString(folder.resolve("file"), "").toString());
    var model = folder.resolve("model.safetensors").toString();
    fovea("convert", fixture("vit-tiny"), "-o", model);
    assertThat(fovea("classify", model, fixture("vit-tiny/image.png"))).returns(0, Run::status).returns("", Run::err);
    var refused = fovea("classify", fixture("vit-tiny"), fixture("vit-tiny/image.png"));
    assertThat(refused).returns(2, Run::status).returns("", Run::out);
    assertThat(refused.err().lines()).singleElement().asString()
        .startsWith("fovea: " + folder.resolve("file/models") + ": converted models cannot be kept there: ")
        .endsWith("; FOVEA_CACHE names another folder, and 'fovea convert' needs none");
  }

  /// Messages call a model what the user does.
  @Test
  void names() {
    fovea("embed", fixture("dinov2-tiny"), fixture("vit-tiny/image.png"));
    assertThat(fovea("classify", fixture("dinov2-tiny"), fixture("vit-tiny/image.png")).err())
        .isEqualTo("fovea: " + fixture("dinov2-tiny") + ": expected a model that classifies pictures, got family dinov2 "
            + "without a classification head\n");
  }

  @ParameterizedTest
  @CsvSource({"vit-tiny,vit", "vit-tiny.sharded,vit", "vit-tiny.pytorch_bin,vit", "vit-tiny.legacy_pth,vit", "vit-tiny.timm,vit",
      "vit-tiny.bf16,vit", "dinov2-tiny-swiglu.facebook,dinov2", "clip-tiny,clip", "siglip-tiny,siglip",
      "bert-tiny-classifier,bert", "segformer-tiny,segformer", "sam-tiny,sam", "sam-tiny.facebook,sam"})
  void inspect(String golden, String family) {
    var run = fovea("inspect", fixture(golden), "--json");
    assertThat(run).returns(0, Run::status).returns("", Run::err);
    var report = run.json();
    assertThat(report.keySet()).containsExactly("family", "config", "config_from", "assumed", "parameters", "bytes", "tensors");
    assertThat(report.get("family").getAsString()).isEqualTo(family);
    assertThat(report.getAsJsonArray("tensors")).isNotEmpty().allSatisfy(row -> {
      var tensor = row.getAsJsonObject();
      assertThat(tensor.keySet()).contains("name", "dtype", "shape", "becomes", "how");
      assertThat(tensor.getAsJsonArray("becomes").isEmpty()).as(tensor.toString()).isEqualTo(tensor.has("left_out"));
    });
    assertThat(fovea("inspect", fixture(golden)).out()).startsWith("family       " + family + ", not converted yet");
    assertThat(cache).doesNotExist();

    // What it foretells is what comes.
    var model = folder.resolve("model.safetensors").toString();
    fovea("convert", fixture(golden), "-o", model);
    var converted = fovea("inspect", model, "--json").json();
    assertThat(report.get("parameters")).isEqualTo(converted.get("parameters"));
    assertThat(report.get("config")).isEqualTo(converted.get("config"));
    assertThat(report.get("bytes").getAsLong()).isEqualTo(Path.of(model).toFile().length());
  }

  private static JsonObject row(String golden, String tensor) {
    for (var row : fovea("inspect", fixture(golden), "--json").json().getAsJsonArray("tensors"))
      if (row.getAsJsonObject().get("name").getAsString().equals(tensor)) return row.getAsJsonObject();
    throw new AssertionError(golden + " has no tensor " + tensor);
  }

  @Test
  void whatWouldHappen() {
    assertThat(row("vit-tiny.bf16", "vit.encoder.layer.1.attention.attention.key.weight")).isEqualTo(JsonParser.parseString("""
        {"name": "vit.encoder.layer.1.attention.attention.key.weight", "dtype": "BF16", "shape": [48, 48],
         "becomes": ["blocks.1.attn.qkv.weight"], "how": ["fused", "cast to F32"]}"""));
    assertThat(row("dinov2-tiny", "embeddings.mask_token").get("left_out").getAsString()).isEqualTo("used in pre-training only");
    assertThat(row("dinov2-tiny-swiglu.facebook", "blocks.0.mlp.w12.bias").get("becomes").toString())
        .isEqualTo("[\"blocks.0.mlp.w1.bias\",\"blocks.0.mlp.w2.bias\"]");
    assertThat(row("segformer-tiny", "decode_head.batch_norm.running_var").get("how").toString()).isEqualTo("[\"folded\"]");
    assertThat(row("segformer-tiny", "decode_head.linear_fuse.weight").get("how").toString())
        .contains("folded with decode_head.batch_norm");
    assertThat(row("segformer-tiny", "decode_head.batch_norm.num_batches_tracked").has("left_out")).isTrue();
    assertThat(fovea("inspect", fixture("vit-tiny.bf16")).out().lines())
        .anyMatch(line -> line.matches("vit.encoder.layer.0.attention.attention.query.bias +BF16 +\\[48] +"
            + "-> blocks.0.attn.qkv.bias \\(fused, cast to F32\\)"));
  }

  @Test
  void inspectWhatIsNotRecognised() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    Files.copy(FIXTURES.resolve("vit-tiny/model.safetensors"), source.resolve("model.safetensors"));
    var unknown = fovea("inspect", source.toString());
    assertThat(unknown).returns(0, Run::status).returns("", Run::err);
    assertThat(unknown.out()).startsWith("family       not recognised").contains("config.json")
        .contains("vit.embeddings.cls_token");

    Files.writeString(source.resolve("config.json"), "{\"model_type\": \"t5\"}");
    var report = fovea("inspect", source.toString(), "--json").json();
    assertThat(report.has("family")).isFalse();
    assertThat(report.get("problem").getAsString()).contains("model_type 't5' is not supported");
    assertThat(report.getAsJsonArray("tensors")).hasSize(56);

    // Of a family, and not complete.
    Files.writeString(source.resolve("config.json"), Files.readString(FIXTURES.resolve("vit-tiny/config.json"))
        .replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2"));
    report = fovea("inspect", source.toString(), "--json").json();
    assertThat(report.get("family").getAsString()).isEqualTo("vit");
    assertThat(report.get("problem").getAsString()).contains("16 tensors have no place in the model");
    assertThat(fovea("inspect", source.toString()).out()).startsWith("family       vit").contains("convertible  no: ");
  }

  @Test
  void inspectNumPy() throws IOException {
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    var npy = new byte[128 + 24];
    System.arraycopy(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0}, 0, npy, 0, 10);
    var padded = header + " ".repeat(117 - header.length()) + "\n";
    System.arraycopy(padded.getBytes(StandardCharsets.US_ASCII), 0, npy, 10, 118);
    var file = folder.resolve("weights.npz");
    try (OutputStream out = Files.newOutputStream(file); var zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("cls.npy"));
      zip.write(npy);
    }
    var report = fovea("inspect", file.toString(), "--json").json();
    assertThat(report.has("family")).isFalse();
    assertThat(report.getAsJsonArray("tensors").toString())
        .isEqualTo("[{\"name\":\"cls\",\"dtype\":\"F32\",\"shape\":[2,3],\"becomes\":[],\"how\":[]}]");
  }

  @Test
  void inspectWhatIsNoCheckpoint() throws IOException {
    var text = Files.writeString(folder.resolve("text.bin"), "this is a text").toString();
    assertThat(fovea("inspect", text)).returns(2, Run::status).returns("", Run::out);
    assertThat(fovea("inspect", text).err()).contains("it begins like none of them");
    var empty = Files.createDirectory(folder.resolve("empty")).toString();
    assertThat(fovea("inspect", empty)).returns(2, Run::status).returns("", Run::out);
    assertThat(fovea("inspect", folder.resolve("nothing").toString()).err()).endsWith("nothing: no such file or folder\n");
  }
}
