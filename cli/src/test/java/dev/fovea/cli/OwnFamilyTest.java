package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.tensor.Tensor;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// [OwnFamily] beside the program on the class path: its files and presets open, verify and bench like Fovea's own.
class OwnFamilyTest {
  @TempDir
  private Path folder;

  private record Run(int status, String out, String err) {}

  private Run fovea(String... arguments) throws IOException, InterruptedException {
    var path = SlowJavaTest.classPath() + File.pathSeparator + Path.of("target", "test-classes").toAbsolutePath();
    var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--add-modules=jdk.incubator.vector", "-cp", path, "dev.fovea.cli.Fovea"));
    command.addAll(List.of(arguments));
    Path out = folder.resolve("out"), err = folder.resolve("err");
    var process = new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("ends").isTrue();
    return new Run(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  private static void add(CheckpointWriter writer, String name, float[] values, long... shape) {
    writer.tensor(name, DType.F32, shape, () -> Tensor.of(Arena.ofAuto(), values, values.length).segment());
  }

  private Path model() {
    var config = new JsonObject();
    config.addProperty("in", 2);
    config.addProperty("out", 2);
    var writer = new CheckpointWriter();
    new ModelHeader("own", new JsonFields("config", config), new JsonFields("preprocessing", new JsonObject()), List.of()).addTo(writer);
    add(writer, "head.weight", new float[] {1, 2, 3, 4}, 2, 2);
    add(writer, "head.bias", new float[] {10, 20}, 2);
    var file = folder.resolve("own.safetensors");
    writer.write(file);
    return file;
  }

  private Path reference(float second) {
    var writer = new CheckpointWriter();
    add(writer, "input.x", new float[] {5, 6}, 1, 2);
    add(writer, "output.y", new float[] {27, second}, 1, 2);
    var file = folder.resolve("reference-" + second + ".safetensors");
    writer.write(file);
    return file;
  }

  @Test
  void benchTakesItsPresets() throws IOException, InterruptedException {
    var bench = fovea("bench", "--preset", "own-tiny", "--runs", "1", "--json");
    assertThat(bench.status).as(bench.err).isZero();
    assertThat(JsonParser.parseString(bench.out).getAsJsonObject().get("model").getAsString()).isEqualTo("own-tiny");
  }

  @Test
  void inspectAndVerifyTakeItsFiles() throws IOException, InterruptedException {
    var model = model().toString();
    var inspect = fovea("inspect", model, "--json");
    assertThat(inspect.status).as(inspect.err).isZero();
    assertThat(JsonParser.parseString(inspect.out).getAsJsonObject().get("parameters").getAsInt()).isEqualTo(6);
    assertThat(fovea("verify", model, "--against", reference(59).toString()).status).isZero();
    assertThat(fovea("verify", model, "--against", reference(60).toString()).status).isOne();
  }

  /// On random inputs, with the line of the family's own source.
  @Test
  void traceTakesItsFiles() throws IOException, InterruptedException {
    var model = model().toString();
    var trace = fovea("trace", model, "--runs", "1", "--json");
    assertThat(trace.status).as(trace.err).isZero();
    var row = JsonParser.parseString(trace.out).getAsJsonArray().get(0).getAsJsonObject().getAsJsonArray("operations").get(0)
        .getAsJsonObject();
    assertThat(row.get("operation").getAsString()).isEqualTo("linear");
    assertThat(row.get("source").getAsString()).startsWith("OwnFamily.java:");
    var picture = Path.of("src/main/resources/dev/fovea/cli/demo/scene.png").toString();
    assertThat(fovea("trace", model, picture).err).contains(model + ": expected no picture: the model takes none");
  }

  @Test
  void whatOthersCannotReadIsRefusedInOneLine() throws IOException, InterruptedException {
    var model = model().toString();
    var export = fovea("convert", model, "--to", "hf", "-o", folder.resolve("export").toString());
    assertThat(export.status).isEqualTo(2);
    assertThat(export.err).contains(model + ": family 'own': Hugging Face's form of it is not known");
    var classify = fovea("classify", model, model);
    assertThat(classify.status).isEqualTo(2);
  }
}
