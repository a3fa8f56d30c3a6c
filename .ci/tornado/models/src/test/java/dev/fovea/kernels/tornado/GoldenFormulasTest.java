package dev.fovea.kernels.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.converter.Conversion;
import dev.fovea.converter.Converter;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Verification;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every golden case of every family with the kernels that read like the formulas, as plain Java: what a device runs, but for its
/// compiler.
class GoldenFormulasTest {
  private static final Path FIXTURES = Path.of("../../weights-converter/src/test/resources/fixtures");

  private static List<String> cases() throws IOException {
    try (var folders = Files.list(FIXTURES)) {
      return folders.map(folder -> folder.getFileName().toString()).filter(name -> !name.matches(".*\\.(bf16|f16)")).sorted()
          .toList();
    }
  }

  private static JsonObject about(String golden) throws IOException {
    return JsonParser.parseString(Files.readString(FIXTURES.resolve(golden).resolve("case.json"))).getAsJsonObject();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyOutput(String golden, @TempDir Path folder) throws IOException {
    var original = about(golden).has("same_as") ? about(golden).get("same_as").getAsString() : golden;
    var model = folder.resolve("model.safetensors");
    Converter.convert(FIXTURES.resolve(golden), model, Conversion.to(WeightFormat.F32));
    try (var checkpoint = Checkpoint.open(model);
        var reference = Checkpoint.open(FIXTURES.resolve(original).resolve("reference.safetensors")); var arena = Arena.ofShared();
        var kernels = new JavaKernels()) {
      var comparisons = new Verification(LoadedModel.of(checkpoint, arena).model(), reference).compare(kernels);
      assertThat(comparisons).isNotEmpty();
      var outputs = about(original).getAsJsonObject("outputs");
      for (var c : comparisons) {
        var expected = outputs.getAsJsonObject(c.name());
        // Integers have no error in float32, and pixels may change their class where logits are nearly equal.
        double allowed = expected == null ? 1e-4
            : 3e-6 * Math.max(1, expected.get("max_abs").getAsDouble()) + 4 * expected.get("reference_float32_error").getAsDouble();
        assertThat(c.maxError()).as(c.name()).isLessThanOrEqualTo(allowed);
      }
    }
  }
}
