package dev.fovea.models.vit;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.kernels.Activation;
import java.util.Map;
import java.util.Set;

/// The sizes of a ViT, under the names of the published `config.json` where these are the field's.
///
/// @param imageHeight height of the pictures that the positions were learnt for, in pixels
/// @param mlpDim hidden features of a block's feed-forward part
/// @param numClasses classes of the head
public record ViTConfig(int imageHeight, int imageWidth, int patchSize, int numChannels, int embedDim, int depth, int numHeads,
    int mlpDim, boolean qkvBias, float layerNormEps, Activation act, int numClasses) {
  private static final Map<String, Integer> EMBED_DIMS = Map.of("tiny", 192, "small", 384, "base", 768, "large", 1024);

  /// The names that [#preset] knows.
  public static final Set<String> PRESETS = Set.of("vit-tiny-patch16-224", "vit-small-patch16-224", "vit-base-patch16-224",
      "vit-large-patch16-224", "vit-base-patch16-384");

  /// @throws IllegalArgumentException if sizes do not fit together
  public ViTConfig {
    if (imageHeight < 1 || imageWidth < 1 || patchSize < 1 || numChannels < 1 || embedDim < 1 || depth < 0 || numHeads < 1
        || mlpDim < 1 || numClasses < 1)
      throw new IllegalArgumentException("sizes must be positive");
    if (embedDim % numHeads != 0)
      throw new IllegalArgumentException("hidden_size " + embedDim + " is not a multiple of num_attention_heads " + numHeads);
    if (imageHeight % patchSize != 0 || imageWidth % patchSize != 0)
      throw new IllegalArgumentException("image_size " + imageHeight + "x" + imageWidth + " is not a multiple of patch_size " + patchSize);
  }

  /// Patches down.
  public int rows() {
    return imageHeight / patchSize;
  }

  /// Patches across.
  public int cols() {
    return imageWidth / patchSize;
  }

  /// A published size with 1000 classes.
  ///
  /// @throws IllegalArgumentException if the name is not one of [#PRESETS]
  public static ViTConfig preset(String name) {
    if (!PRESETS.contains(name)) throw new IllegalArgumentException("there is no ViT preset '" + name + "'");
    var parts = name.split("-");
    int embedDim = EMBED_DIMS.get(parts[1]), size = Integer.parseInt(parts[3]);
    return new ViTConfig(size, size, 16, 3, embedDim, embedDim == 1024 ? 24 : 12, embedDim / 64, 4 * embedDim, true, 1e-6f,
        Activation.GELU, 1000);
  }

  /// Reads the published `config.json`, which is also the form in a model file.
  ///
  /// @param numClasses classes of the head
  /// @throws CheckpointException if a field is missing or wrong
  public static ViTConfig of(JsonFields json, int numClasses) {
    var image = json.heightAndWidth("image_size");
    try {
      return new ViTConfig(image[0], image[1], json.integer("patch_size"), json.integer("num_channels", 3), json.integer("hidden_size"),
          json.integer("num_hidden_layers"), json.integer("num_attention_heads"), json.integer("intermediate_size"),
          json.bool("qkv_bias", true), json.number("layer_norm_eps", 1e-12f), activation(json.string("hidden_act")), numClasses);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  private static Activation activation(String name) {
    return switch (name) {
      case "gelu" -> Activation.GELU;
      case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> Activation.GELU_TANH;
      case "quick_gelu" -> Activation.QUICK_GELU;
      case "silu", "swish" -> Activation.SILU;
      case "relu" -> Activation.RELU;
      default -> throw new IllegalArgumentException("hidden_act '" + name + "' is not supported; expected gelu, gelu_new, "
          + "gelu_pytorch_tanh, gelu_fast, quick_gelu, silu, swish or relu");
    };
  }

  /// The form that [#of] reads.
  public JsonObject toJson() {
    var json = new JsonObject();
    var image = new JsonArray();
    image.add(imageHeight);
    image.add(imageWidth);
    json.add("image_size", image);
    json.addProperty("patch_size", patchSize);
    json.addProperty("num_channels", numChannels);
    json.addProperty("hidden_size", embedDim);
    json.addProperty("num_hidden_layers", depth);
    json.addProperty("num_attention_heads", numHeads);
    json.addProperty("intermediate_size", mlpDim);
    json.addProperty("qkv_bias", qkvBias);
    json.addProperty("layer_norm_eps", layerNormEps);
    json.addProperty("hidden_act", switch (act) {
      case NONE -> throw new IllegalStateException("a ViT has an activation");
      case GELU -> "gelu";
      case GELU_TANH -> "gelu_pytorch_tanh";
      case QUICK_GELU -> "quick_gelu";
      case SILU -> "silu";
      case RELU -> "relu";
    });
    json.addProperty("num_labels", numClasses);
    return json;
  }
}
