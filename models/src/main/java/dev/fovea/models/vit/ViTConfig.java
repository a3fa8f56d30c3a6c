package dev.fovea.models.vit;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.kernels.Activation;
import dev.fovea.models.ActivationNames;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import java.util.Map;
import java.util.Objects;

/// The sizes of a ViT, mostly with the names of the published `config.json`.
///
/// @param imageHeight height in pixels of the pictures for which the positions were trained
/// @param mlpDim hidden features of a block's feed-forward part
/// @param preNorm whether there is a norm before the blocks and the patch embedding has no bias, as in CLIP
/// @param representationSize features of the layer before the head in some models with 21,000 classes; 0 for no such layer
/// @param numClasses classes of the head
public record ViTConfig(int imageHeight, int imageWidth, int patchSize, int numChannels, int embedDim, int depth, int numHeads,
    int mlpDim, boolean qkvBias, boolean preNorm, float layerNormEps, Activation act, int representationSize, int numClasses)
    implements ModelConfig {
  /// The published sizes with 1000 classes.
  public static final Map<String, ViTConfig> PRESETS = Map.of(
      "vit-tiny-patch16-224", preset(224, 192, 12), "vit-small-patch16-224", preset(224, 384, 12),
      "vit-base-patch16-224", preset(224, 768, 12), "vit-large-patch16-224", preset(224, 1024, 24),
      "vit-base-patch16-384", preset(384, 768, 12));

  private static ViTConfig preset(int imageSize, int embedDim, int depth) {
    return new ViTConfig(imageSize, imageSize, 16, 3, embedDim, depth, embedDim / 64, 4 * embedDim, true, false, 1e-6f,
        Activation.GELU, 0, 1000);
  }

  /// @throws IllegalArgumentException if sizes do not fit together
  public ViTConfig {
    Objects.requireNonNull(act, "act");
    if (imageHeight < 1 || imageWidth < 1 || patchSize < 1 || numChannels < 1 || embedDim < 1 || depth < 0 || numHeads < 1
        || mlpDim < 1 || representationSize < 0 || numClasses < 1)
      throw new IllegalArgumentException("sizes must be positive");
    if (embedDim % numHeads != 0)
      throw new IllegalArgumentException("hidden_size " + embedDim + " is not a multiple of num_attention_heads " + numHeads);
    if (imageHeight % patchSize != 0 || imageWidth % patchSize != 0)
      throw new IllegalArgumentException("image_size " + imageHeight + "x" + imageWidth + " is not a multiple of patch_size "
          + patchSize);
  }

  /// Rows of patches.
  public int rows() {
    return imageHeight / patchSize;
  }

  /// Columns of patches.
  public int cols() {
    return imageWidth / patchSize;
  }

  /// Reads the config in a model file: the published `config.json` with `num_labels` and `pre_norm`.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static ViTConfig of(JsonFields json) {
    var image = json.heightAndWidth("image_size");
    try {
      return new ViTConfig(image[0], image[1], json.integer("patch_size"), json.integer("num_channels", 3),
          json.integer("hidden_size"),
          json.integer("num_hidden_layers"), json.integer("num_attention_heads"), json.integer("intermediate_size"),
          json.bool("qkv_bias", true), json.bool("pre_norm", false), json.number("layer_norm_eps", 1e-12f),
          ActivationNames.of(json.string("hidden_act")), json.integer("representation_size", 0), json.integer("num_labels"));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  @Override
  public Family family() {
    return Family.VIT;
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    return ViT.load(this, weights);
  }

  @Override
  public JsonObject toJson() {
    var json = new JsonObject();
    json.add("image_size", JsonFields.array(imageHeight, imageWidth));
    json.addProperty("patch_size", patchSize);
    json.addProperty("num_channels", numChannels);
    json.addProperty("hidden_size", embedDim);
    json.addProperty("num_hidden_layers", depth);
    json.addProperty("num_attention_heads", numHeads);
    json.addProperty("intermediate_size", mlpDim);
    json.addProperty("qkv_bias", qkvBias);
    if (preNorm) json.addProperty("pre_norm", true);
    json.addProperty("layer_norm_eps", layerNormEps);
    json.addProperty("hidden_act", ActivationNames.nameOf(act));
    if (representationSize > 0) json.addProperty("representation_size", representationSize);
    json.addProperty("num_labels", numClasses);
    return json;
  }
}
