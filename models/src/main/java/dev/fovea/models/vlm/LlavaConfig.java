package dev.fovea.models.vlm;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.RotaryPositions.Scaling;
import dev.fovea.kernels.Activation;
import dev.fovea.models.ActivationNames;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.PictureTowerConfig;
import dev.fovea.models.clip.ClipTower;
import dev.fovea.models.llama.Llama;
import dev.fovea.models.llama.LlamaConfig;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// The sizes of a LLaVA: CLIP's picture tower up to one of its blocks, a two-layer adapter, Llama.
///
/// @param visionFeatureLayer the tower's hidden state that the adapter reads: 0 is the embedding, and a negative number counts from
///     the last, -1
/// @param clsToken whether the tower's class token is read before the patches
/// @param projectorAct activation of the adapter
/// @param projectorBias whether the adapter's layers have a bias
public record LlavaConfig(VisionLanguageSizes sizes, int visionFeatureLayer, boolean clsToken, Activation projectorAct,
    boolean projectorBias) implements ModelConfig {
  private static final PictureTowerConfig TOWER =
      VisionLanguageSizes.tower(336, 14, 24, 1024, 16, 4096, Activation.QUICK_GELU, 1e-5f);

  /// A published model (Liu et al., "Improved Baselines with Visual Instruction Tuning", 2023), without the parameters of the
  /// tower's last block, which it does not use.
  public static final Map<String, LlavaConfig> PRESETS = Map.of(
      "llava-1.5-7b", new LlavaConfig(new VisionLanguageSizes(TOWER,
          new LlamaConfig(32_064, 4096, 32, 32, 32, 128, 11_008, LlamaConfig.Bias.NONE, 1e-5f, 4096, 10_000, Scaling.NONE, false,
              List.of(2)),
          32_000), -2, false, Activation.GELU, true));

  /// @throws IllegalArgumentException if the tower has no such hidden state, or its pictures are not a whole number of patches
  public LlavaConfig {
    Objects.requireNonNull(sizes, "sizes");
    Objects.requireNonNull(projectorAct, "projectorAct");
    var vision = sizes.vision();
    if (visionFeatureLayer > vision.depth() || visionFeatureLayer < -vision.depth() - 1)
      throw new IllegalArgumentException("vision_feature_layer " + visionFeatureLayer + ": expected one of the "
          + (vision.depth() + 1) + " hidden states of the picture tower");
    if (vision.imageHeight() % vision.patchSize() != 0 || vision.imageWidth() % vision.patchSize() != 0)
      throw new IllegalArgumentException("vision_config: image_size " + vision.imageHeight() + "x" + vision.imageWidth()
          + " is not a multiple of patch_size " + vision.patchSize());
  }

  /// Blocks of the tower that are used.
  public int towerDepth() {
    return visionFeatureLayer < 0 ? sizes.vision().depth() + 1 + visionFeatureLayer : visionFeatureLayer;
  }

  /// Reads the config in a model file: the published `config.json`, with `image_token_id`.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static LlavaConfig of(JsonFields json) {
    try {
      var strategy = json.has("vision_feature_select_strategy") ? json.string("vision_feature_select_strategy") : "default";
      boolean clsToken = switch (strategy) {
        case "default" -> false;
        case "full" -> true;
        default -> throw new IllegalArgumentException("vision_feature_select_strategy '" + strategy
            + "': expected default or full");
      };
      var act = json.has("projector_hidden_act") ? ActivationNames.of(json.string("projector_hidden_act")) : Activation.GELU;
      return new LlavaConfig(VisionLanguageSizes.of(json, TOWER), json.integer("vision_feature_layer", -2), clsToken, act,
          json.bool("multimodal_projector_bias", true));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  @Override
  public Family family() {
    return Family.LLAVA;
  }

  @Override
  public boolean isOfLanguageModel(String parameter) {
    return VisionLanguageSizes.isOfLanguageModel(parameter);
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    var tower = new PictureTower.OfClip(ClipTower.load(sizes.vision(), towerDepth(), weights.at("visual")), clsToken);
    var adapter = Adapter.TwoLayers.load(sizes.vision().blocks().dim(), sizes.text().dim(), projectorAct, projectorBias,
        weights.at("adapter"));
    return new VisionLanguageModel(sizes, tower, adapter, Llama.load(sizes.text(), weights.at(VisionLanguageSizes.LANGUAGE)),
        sizes.patches() + (clsToken ? 1 : 0), false);
  }

  @Override
  public JsonObject toJson() {
    var json = sizes.toJson();
    json.addProperty("vision_feature_layer", visionFeatureLayer);
    json.addProperty("vision_feature_select_strategy", clsToken ? "full" : "default");
    json.addProperty("projector_hidden_act", ActivationNames.nameOf(projectorAct));
    json.addProperty("multimodal_projector_bias", projectorBias);
    return json;
  }
}
