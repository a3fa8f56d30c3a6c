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

/// The sizes of a SmolVLM or Idefics3: SigLIP without a head, squares of patches as one token, one linear layer, Llama. Pictures
/// are cut into tiles, each an input of the tower.
///
/// @param scaleFactor patches along a square's side
public record SmolVlmConfig(VisionLanguageSizes sizes, int scaleFactor) implements ModelConfig {
  private static final PictureTowerConfig TOWER =
      VisionLanguageSizes.tower(512, 16, 12, 768, 12, 3072, Activation.GELU_TANH, 1e-6f);

  /// Published sizes (Marafioti et al., "SmolVLM: Redefining small and efficient multimodal models", 2025).
  public static final Map<String, SmolVlmConfig> PRESETS = Map.of(
      "smolvlm-256m", preset(576, 30, 9, 3, 1536),
      "smolvlm-500m", preset(960, 32, 15, 5, 2560));

  private static SmolVlmConfig preset(int dim, int depth, int numHeads, int numKeyHeads, int mlpDim) {
    return new SmolVlmConfig(new VisionLanguageSizes(TOWER,
        new LlamaConfig(49_280, dim, depth, numHeads, numKeyHeads, 64, mlpDim, LlamaConfig.Bias.NONE, 1e-5f, 8192, 100_000,
            Scaling.NONE, false, List.of(49_279)),
        49_190), 4);
  }

  /// @throws IllegalArgumentException if the patches are not a whole number of squares
  public SmolVlmConfig {
    Objects.requireNonNull(sizes, "sizes");
    if (scaleFactor < 1 || sizes.vision().rows() % scaleFactor != 0 || sizes.vision().cols() % scaleFactor != 0)
      throw new IllegalArgumentException("scale_factor " + scaleFactor + ": expected a divisor of " + sizes.vision().rows()
          + " and " + sizes.vision().cols() + ", the rows and columns of patches");
  }

  /// Reads the config in a model file: the published `config.json`.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static SmolVlmConfig of(JsonFields json) {
    try {
      return new SmolVlmConfig(VisionLanguageSizes.of(json, TOWER), json.integer("scale_factor"));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  @Override
  public Family family() {
    return Family.SMOLVLM;
  }

  @Override
  public boolean isOfLanguageModel(String parameter) {
    return VisionLanguageSizes.isOfLanguageModel(parameter);
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    int square = scaleFactor * scaleFactor;
    var vision = sizes.vision();
    var proj = weights.linear("adapter.proj", square * vision.blocks().dim(), sizes.text().dim(), false);
    return new VisionLanguageModel(sizes, PictureTower.OfSiglip.load(vision, weights),
        new Adapter.PixelShuffle(vision.rows(), vision.cols(), scaleFactor, proj),
        Llama.load(sizes.text(), weights.at(VisionLanguageSizes.LANGUAGE)), sizes.patches() / square, true);
  }

  @Override
  public JsonObject toJson() {
    var json = sizes.toJson();
    json.addProperty("scale_factor", scaleFactor);
    return json;
  }
}
