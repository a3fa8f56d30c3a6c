package dev.fovea.models.siglip;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
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

/// The sizes of a SigLIP, with the names of the published `config.json`.
///
/// @param text null for a model with only the image encoder
/// @param pooling whether the image encoder has its pooling head; vision-language models read only its patches
/// @param padTokenId padding token, which the model reads like any other token
/// @param projectionSize dimensions of the text encoder's result, equal to the channels of the image encoder
public record SiglipConfig(PictureTowerConfig vision, @Nullable TextTowerConfig text, boolean pooling, int padTokenId,
    int projectionSize)
    implements ModelConfig {

  /// The image encoders of the published models, with pooling heads (Zhai et al., 2023).
  public static final Map<String, SiglipConfig> PRESETS = Map.of(
      "siglip-base-patch16-224", preset(224, 16, 768, 12, 12, 3072),
      "siglip-large-patch16-256", preset(256, 16, 1024, 24, 16, 4096),
      "siglip-large-patch16-384", preset(384, 16, 1024, 24, 16, 4096),
      "siglip-so400m-patch14-384", preset(384, 14, 1152, 27, 16, 4304));

  private static final int PAD = 1;

  private static final SiglipConfig BASE = new SiglipConfig(preset(224, 16, 768, 12, 12, 3072).vision,
      new TextTowerConfig(32000, 64, 12, blocks(768, 12, 3072)), true, PAD, 768);

  private static SiglipConfig preset(int imageSize, int patchSize, int dim, int depth, int numHeads, int mlpDim) {
    return new SiglipConfig(new PictureTowerConfig(imageSize, imageSize, patchSize, 3, depth, blocks(dim, numHeads, mlpDim)), null,
        true, PAD, dim);
  }

  private static EncoderBlock.Sizes blocks(int dim, int numHeads, int mlpDim) {
    return new EncoderBlock.Sizes(dim, numHeads, mlpDim, true, Activation.GELU_TANH, 1e-6f);
  }

  /// @throws IllegalArgumentException if sizes do not fit together
  public SiglipConfig {
    Objects.requireNonNull(vision, "vision");
    if (text != null && (padTokenId < 0 || padTokenId >= text.vocabSize()))
      throw new IllegalArgumentException("pad_token_id " + padTokenId + ": expected one of " + text.vocabSize() + " tokens");
    if (text != null && projectionSize != vision.blocks().dim())
      throw new IllegalArgumentException("projection_size " + projectionSize + " of words is not the hidden_size "
          + vision.blocks().dim()
          + " of pictures");
    if (text != null && !pooling)
      throw new IllegalArgumentException("vision_use_head: expected true where there is an encoder of words");
  }

  /// Reads the config in a model file: the published `config.json`. Missing fields have the values of `siglip-base-patch16-224`;
  /// without `text_config` the model has no text encoder.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static SiglipConfig of(JsonFields json) {
    try {
      var visionJson = json.object("vision_config");
      var vision = PictureTowerConfig.of(visionJson, BASE.vision);
      boolean pooling = visionJson.bool("vision_use_head", true);
      if (!json.has("text_config")) return new SiglipConfig(vision, null, pooling, PAD, vision.blocks().dim());
      var textJson = json.object("text_config");
      var text = TextTowerConfig.of(textJson, BASE.text);
      return new SiglipConfig(vision, text, pooling, textJson.integer("pad_token_id", PAD),
          textJson.integer("projection_size", text.blocks().dim()));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  @Override
  public Family family() {
    return Family.SIGLIP;
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    return Siglip.load(this, weights);
  }

  @Override
  public JsonObject toJson() {
    var json = new JsonObject();
    var visionConfig = vision.toJson();
    visionConfig.addProperty("vision_use_head", pooling);
    json.add("vision_config", visionConfig);
    if (text == null) return json;
    var textConfig = text.toJson();
    textConfig.addProperty("pad_token_id", padTokenId);
    textConfig.addProperty("projection_size", projectionSize);
    json.add("text_config", textConfig);
    return json;
  }
}
