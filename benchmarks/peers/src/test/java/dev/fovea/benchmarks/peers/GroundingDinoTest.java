package dev.fovea.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// The pass of both programs against transformers', in float64, on a checkpoint in which every parameter is random.
class GroundingDinoTest {
  private static final Path FIXTURE = Path.of("../../weights-converter/src/test/resources/fixtures/grounding-dino-tiny");
  /// In the order of the results.
  private static final List<String> OUTPUTS = List.of("logits", "pred_boxes", "encoder_last_hidden_state_vision",
      "encoder_last_hidden_state_text", "init_reference_points");

  private final GroundingDinoSizes sizes = GroundingDinoSizes.of(text("config.json"));
  private final Safetensors reference = new Safetensors(bytes("reference.safetensors"));
  private final Parameters parameters = Parameters.of(new Safetensors(bytes("model.safetensors")).parameters());
  private final long[] tokens = reference.longs("input.input_ids");
  private final DetectorInput input = new DetectorInput(96, 80, reference.floats("input.pixel_values"), tokens,
      SubSentences.ofTransformers5(tokens, sizes.dim()));

  /// ONNX Runtime's `Sigmoid` has an absolute error of 1e-7, which the logit of a box near an edge multiplies by up to 100,000.
  /// Written as `1 / (1 + exp(-x))`, the error was 6.8e-6 instead of 7.1e-4.
  @Test
  void onnxRuntimeAgreesWithTheReference() {
    agrees(OnnxPeer.groundingDinoInFull(sizes, parameters, input), Map.of("logits", 1e-3));
  }

  @Test
  void pyTorchAgreesWithTheReference() {
    agrees(TorchPeer.groundingDinoInFull(sizes, parameters, input), Map.of());
  }

  /// @param bounds those that are not the usual one
  private void agrees(List<float[]> results, Map<String, Double> bounds) {
    var known = JsonParser.parseString(text("case.json")).getAsJsonObject().getAsJsonObject("outputs");
    assertThat(results).hasSameSizeAs(OUTPUTS);
    var wrong = new ArrayList<String>();
    for (int i = 0; i < results.size(); i++) {
      var name = OUTPUTS.get(i);
      double largest = known.getAsJsonObject(name).get("max_abs").getAsDouble();
      double own = known.getAsJsonObject(name).get("reference_float32_error").getAsDouble();
      double error = error(results.get(i), reference.floats("output." + name));
      if (!(error <= bounds.getOrDefault(name, 3e-6 * Math.max(1, largest) + 4 * own))) wrong.add(name + ": error " + error);
    }
    assertThat(wrong).isEmpty();
  }

  private static double error(float[] actual, float[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    double error = 0;
    for (int i = 0; i < actual.length; i++) {
      if (actual[i] == expected[i]) continue;   // infinities too
      error = Math.max(error, Math.abs((double) actual[i] - expected[i]));
      assertThat(error).isNotNaN();
    }
    return error;
  }

  private static String text(String name) {
    return new String(bytes(name), StandardCharsets.UTF_8);
  }

  private static byte[] bytes(String name) {
    try {
      return Files.readAllBytes(FIXTURE.resolve(name));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
