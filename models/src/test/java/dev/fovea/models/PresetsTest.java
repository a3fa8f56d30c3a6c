package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.sam.ImageEncoder;
import dev.fovea.models.sam.SamConfig;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The published sizes: exact parameter counts, and multiply-accumulates counted from the operations performed.
class PresetsTest {
  @ParameterizedTest
  @CsvSource({"vit-tiny-patch16-224, 5717416, 1.25", "vit-small-patch16-224, 22050664, 4.60", "vit-base-patch16-224, 86567656, 17.56",
      "vit-large-patch16-224, 304326632, 61.55", "dinov2-small, 22056192, 46.70", "dinov2-base, 86579712, 151.57",
      "dinov2-large, 304367616, 506.8", "dinov2-giant, 1136479232, 1783.3", "clip-vit-base-patch32, 151277313, 7.39",
      "siglip-large-patch16-384, 316283904, 191.9", "siglip-so400m-patch14-384, 428225600, 335.17",
      "bert-base-uncased, 109482240, 48.32", "grounding-dino-tiny, 172249090, 333.50", "llama-3.2-1b, 1235814400, 159.25", "qwen2-0.5b, 494032768, 63.93",
      "segformer-b0, 3752694, 8.39", "segformer-b1, 13715798, 15.88", "segformer-b2, 27461974, 62.34",
      "segformer-b3, 47337814, 78.96", "segformer-b4, 64108374, 95.57", "segformer-b5, 84708694, 183.14"})
  void countsArePublishedOnes(String preset, long parameters, double gmacs) {
    var run = LoadedModel.shapesOfPreset(preset);
    assertThat(run.parameters()).isEqualTo(parameters);
    assertThat(run.publishedMacs(1, 0) / 1e9).isCloseTo(gmacs, within(Math.max(0.005, 0.0005 * gmacs)));
    // Three pictures and three texts are nine pairs.
    int pairs = preset.startsWith("clip") ? (9 - 3) * 512 : 0;
    assertThat(run.publishedMacs(3, 0)).isEqualTo(3 * run.publishedMacs(1, 0) + pairs);
  }

  /// What is counted of Segment Anything is its image encoder; the whole model has the rest of the parameters, and 256 numbers
  /// that the reference draws and does not learn.
  @ParameterizedTest
  @CsvSource({"sam-vit-base, 89670912, 93735472, 486.0", "sam-vit-large, 308278272, 312342832, 1492.8",
      "sam-vit-huge, 637026048, 641090608, 2980.5"})
  void imageEncodersOfSegmentAnything(String preset, long parameters, long all, double gmacs) {
    var run = LoadedModel.shapesOfPreset(preset);
    var config = (SamConfig) Family.preset(preset);
    assertThat(Weights.bind(WeightSource.shapesOnly(), w -> ImageEncoder.load(config, w)).parameters()).isEqualTo(parameters);
    assertThat(run.parameters()).isEqualTo(all + 256);
    assertThat(run.publishedMacs(1, 0) / 1e9).isCloseTo(gmacs, within(0.05));
    assertThatThrownBy(() -> run.dryRun(1,
        512)).isInstanceOf(InputException.class).hasMessageContaining("expected pictures of 1024 pixels, got 512");
  }

  /// 577 tokens instead of 197: the base model's parameters and 380 positions more.
  @Test
  void baseAt384() {
    assertThat(LoadedModel.shapesOfPreset("vit-base-patch16-384").parameters()).isEqualTo(86_567_656 + 380 * 768);
  }

  /// 257 tokens of 384 channels: 256 patches of 588 numbers, then 12 blocks of twelve squares and two products of 257 tokens.
  @Test
  void anotherSizeKeepsTheModel() {
    var run = LoadedModel.shapesOfPreset("dinov2-small");
    assertThat(run.dryRun(1, 224).macs()).isEqualTo(256L * 588 * 384 + 12 * (257L * 12 * 384 * 384 + 2L * 257 * 257 * 384));
    assertThat(run.model().inputs(2, 224).get("pixel_values").shape()).containsExactly(2, 3, 224, 224);
    assertThat(run.model().inputs(1, 0).get("pixel_values").shape()).containsExactly(1, 3, 518, 518);
    assertThatThrownBy(() -> run.dryRun(1, 225)).isInstanceOf(InputException.class).hasMessageContaining("patch size 14, got 225x225");
  }

  @Test
  void configsSurviveTheFile() {
    for (var name : Family.presets()) {
      var config = Family.preset(name);
      var header = new ModelHeader(config.family().id(), new JsonFields("config", config.toJson()), new JsonFields("none", new JsonObject()), List.of());
      assertThat(Family.config("file", header)).as(name).isEqualTo(config);
    }
  }

  @Test
  void anUnknownFamilyIsNamed() {
    var nothing = new JsonFields("none", new JsonObject());
    assertThatThrownBy(() -> Family.config("file", new ModelHeader("vgg", nothing, nothing, List.of()))).isInstanceOf(CheckpointException.class)
        .hasMessage("file: family 'vgg' is not supported; expected one of vit, dinov2, clip, siglip, bert, segformer, sam, grounding_dino, llama, "
            + "deepseek_vl, llava, smolvlm");
  }

  @Test
  void sizesThatDoNotFit() {
    var json = Family.preset("dinov2-small").toJson();
    for (var wrong : Map.of("mlp_ratio", 1e9f, "num_register_tokens", -1f, "num_attention_heads", 7f, "patch_size", 15f).entrySet()) {
      var copy = json.deepCopy();
      copy.addProperty(wrong.getKey(), wrong.getValue());
      assertThatThrownBy(() -> Dinov2Config.of(new JsonFields("config", copy))).as(wrong.getKey()).isInstanceOf(CheckpointException.class).hasMessageStartingWith("config: ");
    }
  }

  @Test
  void randomWeightsRunAndThePlanReusesMemory() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var workspace = new Workspace(kernels)) {
      var run = LoadedModel.preset("vit-tiny-patch16-224", arena);
      var logits = run.run(workspace, run.randomInputs(1, 0, arena), Probe.NONE).get("logits");
      assertThat(logits.shape()).containsExactly(1, 1000);
      for (float x : logits.toArray()) assertThat(x).isFinite();
      // 12 blocks of about 2.1 MB each would be 25 MB without reuse.
      assertThat(workspace.bytes()).isLessThan(6 << 20);
    }
  }

  @Test
  void anUnknownPresetIsNamed() {
    assertThatThrownBy(() -> LoadedModel.shapesOfPreset("vit-huge")).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'vit-huge'").hasMessageContaining("vit-base-patch16-224");
  }
}
