package dev.fovea.models.clip;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.kernels.Activation;
import dev.fovea.models.EncoderBlock;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.PictureTowerConfig;
import dev.fovea.models.TextTowerConfig;
import java.util.Map;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The sizes of a CLIP, with the names of the published `config.json`.
///
/// @param text null for a model with only the image encoder
/// @param eosTokenId the end token of a text, whose features represent the text, or [#LARGEST_TOKEN]
/// @param projectionDim dimensions of the common space of pictures and texts
public record ClipConfig(PictureTowerConfig vision, @Nullable TextTowerConfig text, int eosTokenId,
    int projectionDim) implements ModelConfig {
  /// Vocabulary size of the published models.
  public static final int VOCABULARY = 49408;

  /// The `eos_token_id` of older configs, which is not the end token of their models: the largest token id of a text marks its end
  /// (ref: transformers, `modeling_clip.py`, `CLIPTextTransformer`).
  public static final int LARGEST_TOKEN = 2;

  /// The published models (Radford et al., 2021, table 20).
  public static final Map<String, ClipConfig> PRESETS = Map.of(
      "clip-vit-base-patch32", preset(224, 32, 768, 12, 512, 512),
      "clip-vit-base-patch16", preset(224, 16, 768, 12, 512, 512),
      "clip-vit-large-patch14", preset(224, 14, 1024, 24, 768, 768),
      "clip-vit-large-patch14-336", preset(336, 14, 1024, 24, 768, 768));

  private static ClipConfig preset(int imageSize, int patchSize, int dim, int depth, int textDim, int projectionDim) {
    return new ClipConfig(new PictureTowerConfig(imageSize, imageSize, patchSize, 3, depth, blocks(dim)),
        new TextTowerConfig(VOCABULARY, 77, 12, blocks(textDim)), VOCABULARY - 1, projectionDim);
  }

  private static EncoderBlock.Sizes blocks(int dim) {
    return new EncoderBlock.Sizes(dim, dim / 64, 4 * dim, true, Activation.QUICK_GELU, 1e-5f);
  }

  /// @throws IllegalArgumentException if sizes do not fit together
  public ClipConfig {
    Objects.requireNonNull(vision, "vision");
    if (vision.imageHeight() % vision.patchSize() != 0 || vision.imageWidth() % vision.patchSize() != 0)
      throw new IllegalArgumentException("vision_config: image_size " + vision.imageHeight() + "x" + vision.imageWidth()
          + " is not a multiple of patch_size " + vision.patchSize());
    if (projectionDim < 1) throw new IllegalArgumentException("projection_dim must be positive");
    if (text != null && (eosTokenId < 0 || eosTokenId >= text.vocabSize()))
      throw new IllegalArgumentException("eos_token_id " + eosTokenId + ": expected one of " + text.vocabSize() + " tokens");
  }

  /// Reads the config in a model file: the published `config.json`. Missing fields have the values of `clip-vit-base-patch32`;
  /// without `text_config` the model has no text encoder.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static ClipConfig of(JsonFields json) {
    var base = PRESETS.get("clip-vit-base-patch32");
    try {
      var vision = PictureTowerConfig.of(json.object("vision_config"), base.vision);
      int projectionDim = json.integer("projection_dim", base.projectionDim);
      if (!json.has("text_config")) return new ClipConfig(vision, null, base.eosTokenId, projectionDim);
      var text = json.object("text_config");
      return new ClipConfig(vision, TextTowerConfig.of(text, base.text), text.integer("eos_token_id", base.eosTokenId),
          projectionDim);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  @Override
  public Family family() {
    return Family.CLIP;
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    return Clip.load(this, weights);
  }

  @Override
  public JsonObject toJson() {
    var json = new JsonObject();
    json.add("vision_config", vision.toJson());
    if (text != null) {
      var textConfig = text.toJson();
      textConfig.addProperty("eos_token_id", eosTokenId);
      json.add("text_config", textConfig);
    }
    json.addProperty("projection_dim", projectionDim);
    return json;
  }
}
