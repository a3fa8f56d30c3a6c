package dev.fovea.models.vlm;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.RotaryPositions.Scaling;
import dev.fovea.kernels.Activation;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.PictureTowerConfig;
import dev.fovea.models.llama.Llama;
import dev.fovea.models.llama.LlamaConfig;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// The sizes of a DeepSeek-VL with one picture tower: SigLIP without a head, a two-layer adapter, Llama.
public record DeepseekVlConfig(VisionLanguageSizes sizes) implements ModelConfig {
  private static final PictureTowerConfig TOWER =
      VisionLanguageSizes.tower(224, 16, 12, 768, 12, 3072, Activation.GELU_TANH, 1e-6f);

  /// The published model with one tower (Lu et al., "DeepSeek-VL: Towards Real-World Vision-Language Understanding", 2024, whose
  /// code has the tower's exact GELU: ref: DeepSeek-VL `models/siglip_vit.py`).
  public static final Map<String, DeepseekVlConfig> PRESETS = Map.of(
      "deepseek-vl-1.3b", new DeepseekVlConfig(new VisionLanguageSizes(
          VisionLanguageSizes.tower(384, 16, 24, 1024, 16, 4096, Activation.GELU, 1e-6f),
          new LlamaConfig(102_400, 2048, 24, 16, 16, 128, 5632, LlamaConfig.Bias.NONE, 1e-6f, 16_384, 10_000, Scaling.NONE, false,
              List.of(100_001)),
          100_015)));

  public DeepseekVlConfig {
    Objects.requireNonNull(sizes, "sizes");
  }

  /// Reads the config in a model file: the published `config.json`.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static DeepseekVlConfig of(JsonFields json) {
    try {
      return new DeepseekVlConfig(VisionLanguageSizes.of(json, TOWER));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  @Override
  public Family family() {
    return Family.DEEPSEEK_VL;
  }

  @Override
  public boolean isOfLanguageModel(String parameter) {
    return VisionLanguageSizes.isOfLanguageModel(parameter);
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    var tower = PictureTower.OfSiglip.load(sizes.vision(), weights);
    var adapter = Adapter.TwoLayers.load(sizes.vision().blocks().dim(), sizes.text().dim(), Activation.GELU, true,
        weights.at("adapter"));
    return new VisionLanguageModel(sizes, tower, adapter,
        Llama.load(sizes.text(), weights.at(VisionLanguageSizes.LANGUAGE)), sizes.patches(), false);
  }

  @Override
  public JsonObject toJson() {
    return sizes.toJson();
  }
}
