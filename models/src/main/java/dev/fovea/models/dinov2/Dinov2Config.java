package dev.fovea.models.dinov2;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Interpolation;
import dev.fovea.models.ActivationNames;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import java.util.Map;
import java.util.Objects;

/// The sizes of a DINOv2, mostly with the names of the published `config.json`.
///
/// @param imageHeight height in pixels of the pictures for which the positions were trained
/// @param mlpRatio hidden features of the feed-forward part per channel, before [#hiddenDim()] compensates for a gate
/// @param swiGlu whether the feed-forward part is gated
/// @param numRegisterTokens registers; 0 for none
/// @param interpolateAntialias whether positions are resampled with antialiasing, as in the models with registers
/// @param act activation of a feed-forward part without a gate
/// @param numClasses classes of the linear classifier; 0 for features only
public record Dinov2Config(int imageHeight, int imageWidth, int patchSize, int numChannels, int embedDim, int depth, int numHeads,
    float mlpRatio, boolean swiGlu, boolean qkvBias, int numRegisterTokens, boolean interpolateAntialias, float layerNormEps,
    Activation act, int numClasses) implements ModelConfig {

  private static final int MAX_HIDDEN_DIM = 1 << 24;

  /// The published models, trained for pictures of 518 × 518.
  public static final Map<String, Dinov2Config> PRESETS = Map.of(
      "dinov2-small", preset(384, 12, 6, false),
      "dinov2-base", preset(768, 12, 12, false),
      "dinov2-large", preset(1024, 24, 16, false),
      "dinov2-giant", preset(1536, 40, 24, true));

  private static Dinov2Config preset(int embedDim, int depth, int numHeads, boolean swiGlu) {
    return new Dinov2Config(518, 518, 14, 3, embedDim, depth, numHeads, 4, swiGlu, true, 0, false, 1e-6f, Activation.GELU, 0);
  }

  /// @throws IllegalArgumentException if sizes do not fit together
  public Dinov2Config {
    Objects.requireNonNull(act, "act");
    if (imageHeight < 1 || imageWidth < 1 || patchSize < 1 || numChannels < 1 || embedDim < 1 || depth < 0 || numHeads < 1
        || numRegisterTokens < 0 || numClasses < 0)
      throw new IllegalArgumentException("sizes must be positive");
    if (!(mlpRatio * embedDim >= 1 && mlpRatio * embedDim <= MAX_HIDDEN_DIM))
      throw new IllegalArgumentException("mlp_ratio " + mlpRatio + ": expected 1 to " + MAX_HIDDEN_DIM + " hidden features");
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

  /// Hidden features of the feed-forward part. A gated one has a third matrix and therefore two thirds of the features, rounded up
  /// to a multiple of 8.
  public int hiddenDim() {
    int hidden = (int) (mlpRatio * embedDim);
    return swiGlu ? Math.ceilDiv(2 * hidden / 3, 8) * 8 : hidden;
  }

  /// The interpolation method for positions.
  public Interpolation interpolation() {
    return interpolateAntialias ? Interpolation.BICUBIC_ANTIALIASED : Interpolation.BICUBIC;
  }

  @Override
  public Family family() {
    return Family.DINOV2;
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    return Dinov2.load(this, weights);
  }

  /// Reads the config in a model file: the published `config.json` with `num_labels` and `interpolate_antialias`.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static Dinov2Config of(JsonFields json) {
    var image = json.heightAndWidth("image_size");
    try {
      return new Dinov2Config(image[0], image[1], json.integer("patch_size"), json.integer("num_channels", 3),
          json.integer("hidden_size"), json.integer("num_hidden_layers"), json.integer("num_attention_heads"),
          json.number("mlp_ratio", 4), json.bool("use_swiglu_ffn", false), json.bool("qkv_bias", true),
          json.integer("num_register_tokens", 0), json.bool("interpolate_antialias", false), json.number("layer_norm_eps", 1e-6f),
          ActivationNames.of(json.string("hidden_act")), json.integer("num_labels"));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
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
    json.addProperty("mlp_ratio", mlpRatio);
    json.addProperty("use_swiglu_ffn", swiGlu);
    json.addProperty("qkv_bias", qkvBias);
    json.addProperty("num_register_tokens", numRegisterTokens);
    json.addProperty("interpolate_antialias", interpolateAntialias);
    json.addProperty("layer_norm_eps", layerNormEps);
    json.addProperty("hidden_act", ActivationNames.nameOf(act));
    json.addProperty("num_labels", numClasses);
    return json;
  }
}
