package dev.fovea.models.sam;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.kernels.Activation;
import dev.fovea.models.ActivationNames;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/// The sizes of a Segment Anything model, with the names of the published `config.json`.
///
/// @param dim channels of the feature map and the tokens, common to the three parts
public record SamConfig(ImageEncoder vision, PromptEncoder prompts, MaskDecoder masks, int dim) implements ModelConfig {

  /// @param imageSize height and width of the pictures, in pixels
  /// @param globalAttention indices of the blocks with global attention; the others have windowed attention
  /// @param windowSize height and width of a window, in locations of the map
  public record ImageEncoder(int imageSize, int patchSize, int numChannels, int embedDim, int depth, int numHeads, int mlpDim,
      boolean qkvBias, List<Integer> globalAttention, int windowSize, Activation act, float layerNormEps) {
    /// @throws IllegalArgumentException if sizes do not fit together
    public ImageEncoder {
      Objects.requireNonNull(globalAttention, "globalAttention");
      Objects.requireNonNull(act, "act");
      if (imageSize < 1 || patchSize < 1 || numChannels < 1 || embedDim < 1 || depth < 0 || numHeads < 1 || mlpDim < 1
          || windowSize < 1)
        throw new IllegalArgumentException("sizes must be positive");
      if (embedDim % numHeads != 0)
        throw new IllegalArgumentException("hidden_size " + embedDim + " is not a multiple of num_attention_heads " + numHeads);
      if (imageSize % patchSize != 0)
        throw new IllegalArgumentException("image_size " + imageSize + " is not a multiple of patch_size " + patchSize);
      for (int block : globalAttention)
        if (block < 0 || block >= depth)
          throw new IllegalArgumentException("global_attn_indexes: expected blocks from 0 to " + (depth - 1) + ", got " + block);
      globalAttention = List.copyOf(globalAttention);
    }

    /// Height and width of the map.
    public int gridSize() {
      return imageSize / patchSize;
    }
  }

  /// @param maskChannels channels of a mask prompt before its projection to the map's channels
  public record PromptEncoder(int maskChannels, Activation act, float layerNormEps) {
    /// @throws IllegalArgumentException if sizes do not fit together
    public PromptEncoder {
      Objects.requireNonNull(act, "act");
      if (maskChannels < 4 || maskChannels % 4 != 0)
        throw new IllegalArgumentException("mask_input_channels " + maskChannels + ": expected a multiple of 4");
    }
  }

  /// @param downsampleRate factor by which the attention between tokens and map has fewer channels
  /// @param multimaskOutputs number of masks of an ambiguous prompt
  /// @param iouHiddenDim hidden features of the head for the predicted IoU
  public record MaskDecoder(int depth, int numHeads, int mlpDim, int downsampleRate, int multimaskOutputs, int iouHiddenDim,
      Activation act, float layerNormEps) {
    /// @throws IllegalArgumentException if sizes do not fit together
    public MaskDecoder {
      Objects.requireNonNull(act, "act");
      if (depth < 1 || numHeads < 1 || mlpDim < 1 || downsampleRate < 1 || multimaskOutputs < 1 || iouHiddenDim < 1)
        throw new IllegalArgumentException("sizes must be positive");
    }

    /// Number of mask tokens: one for unambiguous prompts, and those for ambiguous ones.
    public int maskTokens() {
      return 1 + multimaskOutputs;
    }
  }

  /// The published models (Kirillov et al., "Segment Anything", 2023; ref: segment_anything `build_sam.py`).
  public static final Map<String, SamConfig> PRESETS = Map.of(
      "sam-vit-base", preset(768, 12, 12, List.of(2, 5, 8, 11)),
      "sam-vit-large", preset(1024, 24, 16, List.of(5, 11, 17, 23)),
      "sam-vit-huge", preset(1280, 32, 16, List.of(7, 15, 23, 31)));

  /// Values in all published configs; others are not supported.
  private static final int IOU_HEAD_DEPTH = 3, POINT_EMBEDDINGS = 4;

  private static SamConfig preset(int embedDim, int depth, int numHeads, List<Integer> globalAttention) {
    return new SamConfig(
        new ImageEncoder(1024, 16, 3, embedDim, depth, numHeads, 4 * embedDim, true, globalAttention, 14, Activation.GELU, 1e-6f),
        new PromptEncoder(16, Activation.GELU, 1e-6f),
        new MaskDecoder(2, 8, 2048, 2, 3, 256, Activation.RELU, 1e-6f), 256);
  }

  /// @throws IllegalArgumentException if sizes do not fit together
  public SamConfig {
    Objects.requireNonNull(vision, "vision");
    Objects.requireNonNull(prompts, "prompts");
    Objects.requireNonNull(masks, "masks");
    if (dim < 8 || dim % 8 != 0) throw new IllegalArgumentException("output_channels " + dim + ": expected a multiple of 8");
    if (dim % (masks.downsampleRate * masks.numHeads) != 0)
      throw new IllegalArgumentException("hidden_size " + dim + " is not a multiple of num_attention_heads " + masks.numHeads
          + " times attention_downsample_rate " + masks.downsampleRate);
  }

  /// Height and width of the decoder's masks.
  public int maskSize() {
    return 4 * vision.gridSize();
  }

  @Override
  public Family family() {
    return Family.SAM;
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    return Sam.load(this, weights);
  }

  /// Reads the config in a model file: the published `config.json`. Missing fields have the values of `sam-vit-base`.
  ///
  /// @throws CheckpointException if a field is missing, wrong or has an unsupported value
  public static SamConfig of(JsonFields json) {
    try {
      var vision = json.object("vision_config");
      var masks = json.object("mask_decoder_config");
      expect(vision.bool("use_abs_pos", true) && vision.bool("use_rel_pos", true), "use_abs_pos and use_rel_pos: expected true");
      expect(masks.integer("iou_head_depth", IOU_HEAD_DEPTH) == IOU_HEAD_DEPTH, "iou_head_depth: expected " + IOU_HEAD_DEPTH);
      int dim = vision.integer("output_channels", 256);
      var prompts = json.object("prompt_encoder_config");
      expect(prompts.integer("num_point_embeddings", POINT_EMBEDDINGS) == POINT_EMBEDDINGS, "num_point_embeddings: expected "
          + POINT_EMBEDDINGS);
      expect(masks.integer("hidden_size", dim) == dim && prompts.integer("hidden_size", dim) == dim,
          "hidden_size of prompts and masks: expected output_channels, " + dim);
      return new SamConfig(vision(vision), prompts(prompts), masks(masks), dim);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  private static void expect(boolean fulfilled, String what) {
    if (!fulfilled) throw new IllegalArgumentException(what);
  }

  private static ImageEncoder vision(JsonFields json) {
    var base = PRESETS.get("sam-vit-base").vision;
    int dim = json.integer("hidden_size", base.embedDim);
    int mlpDim = json.has("mlp_dim") ? json.integer("mlp_dim") : (int) (dim * json.number("mlp_ratio", 4));
    var global = json.has("global_attn_indexes") ? json.numbers("global_attn_indexes") : null;
    return new ImageEncoder(json.integer("image_size", base.imageSize), json.integer("patch_size", base.patchSize),
        json.integer("num_channels", base.numChannels), dim, json.integer("num_hidden_layers", base.depth),
        json.integer("num_attention_heads", base.numHeads), mlpDim, json.bool("qkv_bias", true),
        global == null ? base.globalAttention : IntStream.range(0, global.length).mapToObj(i -> (int) global[i]).toList(),
        json.integer("window_size", base.windowSize), act(json, base.act), json.number("layer_norm_eps", base.layerNormEps));
  }

  private static PromptEncoder prompts(JsonFields json) {
    var base = PRESETS.get("sam-vit-base").prompts;
    return new PromptEncoder(json.integer("mask_input_channels", base.maskChannels), act(json, base.act),
        json.number("layer_norm_eps", base.layerNormEps));
  }

  private static MaskDecoder masks(JsonFields json) {
    var base = PRESETS.get("sam-vit-base").masks;
    return new MaskDecoder(json.integer("num_hidden_layers", base.depth), json.integer("num_attention_heads", base.numHeads),
        json.integer("mlp_dim", base.mlpDim), json.integer("attention_downsample_rate", base.downsampleRate),
        json.integer("num_multimask_outputs", base.multimaskOutputs), json.integer("iou_head_hidden_dim", base.iouHiddenDim),
        act(json, base.act), json.number("layer_norm_eps", base.layerNormEps));
  }

  private static Activation act(JsonFields json, Activation otherwise) {
    return json.has("hidden_act") ? ActivationNames.of(json.string("hidden_act")) : otherwise;
  }

  @Override
  public JsonObject toJson() {
    var v = new JsonObject();
    v.addProperty("image_size", vision.imageSize);
    v.addProperty("patch_size", vision.patchSize);
    v.addProperty("num_channels", vision.numChannels);
    v.addProperty("hidden_size", vision.embedDim);
    v.addProperty("num_hidden_layers", vision.depth);
    v.addProperty("num_attention_heads", vision.numHeads);
    v.addProperty("mlp_dim", vision.mlpDim);
    v.addProperty("qkv_bias", vision.qkvBias);
    v.add("global_attn_indexes", JsonFields.array(vision.globalAttention.stream().mapToInt(i -> i).toArray()));
    v.addProperty("window_size", vision.windowSize);
    v.addProperty("hidden_act", ActivationNames.nameOf(vision.act));
    v.addProperty("layer_norm_eps", vision.layerNormEps);
    v.addProperty("output_channels", dim);
    var p = new JsonObject();
    p.addProperty("mask_input_channels", prompts.maskChannels);
    p.addProperty("hidden_act", ActivationNames.nameOf(prompts.act));
    p.addProperty("layer_norm_eps", prompts.layerNormEps);
    p.addProperty("hidden_size", dim);
    var m = new JsonObject();
    m.addProperty("num_hidden_layers", masks.depth);
    m.addProperty("num_attention_heads", masks.numHeads);
    m.addProperty("mlp_dim", masks.mlpDim);
    m.addProperty("attention_downsample_rate", masks.downsampleRate);
    m.addProperty("num_multimask_outputs", masks.multimaskOutputs);
    m.addProperty("iou_head_hidden_dim", masks.iouHiddenDim);
    m.addProperty("hidden_act", ActivationNames.nameOf(masks.act));
    m.addProperty("layer_norm_eps", masks.layerNormEps);
    m.addProperty("hidden_size", dim);
    var json = new JsonObject();
    json.add("vision_config", v);
    json.add("prompt_encoder_config", p);
    json.add("mask_decoder_config", m);
    return json;
  }
}
