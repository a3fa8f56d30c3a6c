package dev.fovea.models.vlm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.RotaryPositions.Scaling;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Family;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Model;
import dev.fovea.models.ReadsPictures;
import dev.fovea.models.llama.LlamaConfig;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Pictures among the tokens of a text: where their features stand, what does not fit, and the published sizes. That the outputs are
/// right is checked where the published files are read.
class VisionLanguageModelTest {
  /// Pictures of 16 pixels in patches of 4: 16 patches.
  static final VisionLanguageSizes SIZES = new VisionLanguageSizes(
      VisionLanguageSizes.tower(16, 4, 2, 8, 2, 16, Activation.GELU_TANH, 1e-6f),
      new LlamaConfig(50, 12, 2, 2, 1, 6, 16, LlamaConfig.Bias.NONE, 1e-6f, 256, 10_000, Scaling.NONE, false, List.of(1)), 3);

  /// Parameters as published; those of LLaVA's last block of the tower, which it does not use, are left out.
  @ParameterizedTest
  @CsvSource({"smolvlm-256m, 256484928", "smolvlm-500m, 507482304", "deepseek-vl-1.3b, 1962640384",
      "llava-1.5-7b, 7050828800"})
  void parameters(String preset, long parameters) {
    assertThat(LoadedModel.shapesOfPreset(preset).parameters()).isEqualTo(parameters);
  }

  /// 1024 patches of a tile through the tower, 64 tokens of them and 64 of text through the decoder; two runs of tokens are counted.
  @Test
  void operationsOfSmolVlm() {
    long tower = 1024L * 768 * 768 + 12 * (1024L * 12 * 768 * 768 + 2L * 1024 * 1024 * 768), adapter = 64L * 16 * 768 * 576;
    long layer = 128L * (2 * 576 * 576 + 2 * 192 * 576 + 3 * 1536 * 576) + 2L * 128 * 128 * 576, head = 128L * 49_280 * 576;
    assertThat(LoadedModel.shapesOfPreset("smolvlm-256m").dryRun(1, 0).macs())
        .isEqualTo(tower + adapter + 30 * layer + head + 2 * 2 * 64 * 64 + 2 * 2 * 64);
  }

  @Test
  void tokensOfAPicture() {
    var counts = new HashMap<String, Integer>();
    for (var name : List.of("smolvlm-256m", "deepseek-vl-1.3b", "llava-1.5-7b"))
      counts.put(name, ((ReadsPictures) LoadedModel.shapesOfPreset(name).model()).tokensPerPicture());
    assertThat(counts).isEqualTo(Map.of("smolvlm-256m", 64, "deepseek-vl-1.3b", 576, "llava-1.5-7b", 576));
  }

  private interface Use {
    void with(VisionLanguageModel model, Workspace workspace, Arena arena);
  }

  private static void use(Use use) {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(2));
        var workspace = new Workspace(kernels)) {
      var model = LoadedModel.of("small", new DeepseekVlConfig(SIZES), new RandomWeights(arena, 1)).model();
      use.with((VisionLanguageModel) model, workspace, arena);
    }
  }

  /// For texts of any length, over the ends of the runs that are counted at a time, and for several of them at once.
  @ParameterizedTest
  @CsvSource({"1, 17", "1, 63", "1, 64", "1, 65", "1, 128", "1, 200", "3, 50", "2, 129"})
  void featuresStandInTheOrderOfTheirPlaceholders(int texts, int length) {
    use((model, workspace, arena) -> {
      var ids = new float[texts * length];
      var isPicture = new boolean[ids.length];
      int count = 0;
      for (int i = 0; i < ids.length; i++) {
        isPicture[i] = i * 7 % 5 < 2;
        ids[i] = isPicture[i] ? 3 : i % 3 == 0 ? 2 : 4 + i % 40;
        if (isPicture[i]) count++;
      }
      var features = new float[count * 12];
      for (int i = 0; i < features.length; i++) features[i] = 1000 + i;
      var given = Map.of("ids", Tensor.of(arena, ids, texts, length), "features", Tensor.of(arena, features, 1, count, 12));
      var prompt = workspace.run("prompt", given, in -> model.prompt(in.get("ids"), in.get("features")), List::of).copy(arena);
      assertThat(prompt.shape()).containsExactly(texts, length, 12);
      var embedded = workspace.run("embed", given.get("ids"), model.language()::embed, List::of).copy(arena);
      int next = 0;
      for (int i = 0; i < ids.length; i++)
        for (int c = 0; c < 12; c++)
          assertThat(prompt.get(i / length, i % length, c)).isEqualTo(isPicture[i] ? features[next++]
              : embedded.get(i / length, i % length, c));
      assertThat(next).isEqualTo(features.length);
    });
  }

  /// What nobody has counted is never a number that looks right.
  @Test
  void aPlaceholderWithoutFeaturesIsNaN() {
    use((model, workspace, arena) -> {
      var given = Map.of("ids", Tensor.of(arena, new float[] {3, 5, 3}, 1, 3), "features", Tensor.of(arena, new float[12], 1, 12));
      var prompt = workspace.run("prompt", given, in -> model.prompt(in.get("ids"), in.get("features")), List::of);
      assertThat(prompt.get(0, 0, 0)).isZero();
      assertThat(prompt.get(0, 2, 0)).isNaN();
    });
  }

  @Test
  void wrongNumberOfPicturesForThePlaceholders() {
    use((model, workspace, arena) -> {
      var loaded = new LoadedModel("small", model, 0);
      var inputs = loaded.randomInputs(2, 0, arena);
      assertThat(loaded.run(workspace, inputs, Probe.NONE)).containsOnlyKeys("logits", "image_features");
      var ids = inputs.get(Model.INPUT_IDS).toArray();
      ids[0] = 4;
      inputs.put(Model.INPUT_IDS, Tensor.of(arena, ids, 2, ids.length / 2));
      assertThatThrownBy(() -> loaded.run(workspace, inputs, Probe.NONE)).isInstanceOf(InputException.class)
          .hasMessage("expected 32 placeholders (token 3) for 2 pictures or tiles of 16 tokens, got 31");
      inputs.put(Model.INPUT_IDS, Tensor.of(arena, new float[] {4, 5}, 1, 2));
      inputs.put(Model.PIXEL_VALUES, Tensor.of(arena, new float[3 * 20 * 16], 1, 3, 20, 16));
      assertThatThrownBy(() -> workspace.run("size", inputs, in -> model.features(in.get(Model.PIXEL_VALUES)), List::of))
          .isInstanceOf(InputException.class).hasMessage("expected pictures [B, 3, 16, 16], got [1, 3, 20, 16]");
    });
  }

  /// A square's patches are put together row by row, each with its channels.
  @Test
  void pixelShuffle() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.REFERENCE.open(Workers.threads(1));
        var workspace = new Workspace(kernels)) {
      var one = new float[8 * 8];
      for (int i = 0; i < 8; i++) one[9 * i] = 1;
      var same = Tensor.of(arena, one, 8, 8);
      var adapter = new Adapter.PixelShuffle(2, 4, 2, new Linear(weight(same), null));
      // Patch p of the 2 x 4 patches has the channels 2p and 2p + 1.
      var patches = Tensor.of(arena, new float[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 1, 8, 2);
      var out = workspace.run("shuffle", patches, adapter::forward, List::of);
      assertThat(out.shape()).containsExactly(1, 2, 8);
      assertThat(out.toArray()).containsExactly(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15);
    }
  }

  private static Weight weight(Tensor matrix) {
    return Weight.rows(matrix.segment(), matrix.dim(0), matrix.dim(1));
  }

  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {
      "smolvlm-256m; scale_factor; 3; scale_factor 3: expected a divisor of 32 and 32, the rows and columns of patches",
      "llava-1.5-7b; vision_feature_layer; 25; vision_feature_layer 25: expected one of the 25 hidden states of the picture tower",
      "llava-1.5-7b; image_token_id; 32064; image_token_id 32064: expected one of 32064 tokens"})
  void sizesThatDoNotFit(String preset, String field, int value, String message) {
    var config = Family.preset(preset);
    var json = config.toJson();
    json.addProperty(field, value);
    var fields = new JsonFields("config", json);
    assertThatThrownBy(() -> {
      if (preset.startsWith("llava")) LlavaConfig.of(fields);
      else SmolVlmConfig.of(fields);
    }).isInstanceOf(CheckpointException.class).hasMessage("config: " + message);
  }
}
