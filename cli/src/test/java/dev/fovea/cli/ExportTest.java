package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import dev.fovea.cli.CommandsTest.Run;
import dev.fovea.engine.checkpoint.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `convert --to hf`, with the models that come along.
class ExportTest {
  private static final Path MODELS = Path.of("src/main/resources/dev/fovea/cli/demo");

  @TempDir
  private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"vit", "segformer", "sam"})
  void thereAndBack(String name) throws IOException {
    var model = MODELS.resolve(name + ".safetensors");
    Path published = folder.resolve(name), again = folder.resolve("again.safetensors");
    var exported = fovea("convert", model.toString(), "--to", "hf", "-o", published.toString());
    assertThat(exported).returns(0, Run::status).returns("", Run::err);
    assertThat(exported.out()).startsWith(published + ": " + name + " as Hugging Face's, ");
    assertThat(exported.out().lines().skip(1).filter(line -> line.startsWith("added: decode_head.batch_norm")).count())
        .isEqualTo(name.equals("segformer") ? 2 : 0);
    assertThat(fovea("convert", published.toString(), "--to", "fovea", "--dtype", "f16", "-o", again.toString()))
        .returns(0, Run::status).returns("", Run::err);
    try (var before = Checkpoint.open(model); var after = Checkpoint.open(again)) {
      assertThat(after.tensors().keySet()).isEqualTo(before.tensors().keySet());
      before.tensors().forEach((key, tensor) -> {
        var same = after.tensor(key);
        assertThat(same.dtype()).as(key).isEqualTo(tensor.dtype());
        assertThat(same.shape()).as(key).isEqualTo(tensor.shape());
        assertThat(same.data().mismatch(tensor.data())).as(key).isEqualTo(-1);
      });
      for (var key : new String[] {"family", "config", "labels", "preprocessing"})
        assertThat(after.metadata()).containsEntry(key, before.metadata().get(key));
      assertThat(after.metadata().get("palette")).isEqualTo(before.metadata().get("palette"));
    }
  }

  @Test
  void asJson() {
    var report = fovea("convert", MODELS.resolve("segformer.safetensors").toString(), "--to", "HF", "--json",
        "-o", folder.resolve("out").toString());
    var json = JsonParser.parseString(report.out()).getAsJsonObject();
    assertThat(json.keySet()).containsExactly("family", "parameters", "decoded", "added");
    assertThat(json.get("parameters").getAsLong()).isEqualTo(405_175);
    assertThat(json.getAsJsonObject("added").keySet()).contains("decode_head.batch_norm");
  }

  @Test
  void optionsThatSayNothing() {
    var model = MODELS.resolve("vit.safetensors").toString();
    Map.of("--dtype", "f16", "--to", "onnx").forEach((option, value) -> {
      var run = fovea("convert", model, "--to", "hf", option, value, "-o", folder.resolve("out").toString());
      assertThat(run).returns(2, Run::status).returns("", Run::out);
      assertThat(run.err().lines()).singleElement().asString().contains(option);
    });
    assertThat(fovea("convert", model, "--to", "hf")).returns(2, Run::status)
        .returns("fovea: expected -o FOLDER, where to write\n", Run::err);
    assertThat(Files.exists(folder.resolve("out"))).isFalse();
  }
}
