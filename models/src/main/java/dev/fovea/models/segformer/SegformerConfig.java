package dev.fovea.models.segformer;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Window;
import dev.fovea.models.ActivationNames;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/// The sizes of a SegFormer, with the names of the published `config.json`, which has arrays with one number per stage.
///
/// @param imageHeight default height of the pictures in pixels; the model accepts others
/// @param stages from the finest map to the coarsest
/// @param convNormEps epsilon of the norms after a convolution: of the patch embeddings and of the reduced maps of keys and values
/// @param decoderDim channels of the head
/// @param mmsegHead whether the head is mmsegmentation's, with a ReLU after each stage's projection and the finest map first
/// @param numClasses classes of a pixel
public record SegformerConfig(int imageHeight, int imageWidth, int numChannels, List<Stage> stages, Activation act,
    float layerNormEps, float convNormEps, int decoderDim, boolean mmsegHead, int numClasses) implements ModelConfig {
  /// The published models with ADE20K's 150 classes (Xie et al., 2021, table 6), at the size of the published checkpoints.
  public static final Map<String, SegformerConfig> PRESETS = presets();

  /// The sizes of a stage.
  ///
  /// @param patchSize side of the patches, in samples of the previous stage
  /// @param stride distance of patches; less than `patchSize` in the published models, so that patches overlap
  /// @param dim channels
  /// @param depth blocks
  /// @param mlpRatio hidden channels of the feed-forward part divided by `dim`
  /// @param srRatio factor by which the map of keys and values has fewer rows and fewer columns than that of queries
  public record Stage(int patchSize, int stride, int dim, int depth, int numHeads, int mlpRatio, int srRatio) {
    /// @throws IllegalArgumentException if sizes do not fit together
    public Stage {
      if (patchSize < 1 || stride < 1 || dim < 1 || depth < 0 || numHeads < 1 || mlpRatio < 1 || srRatio < 1)
        throw new IllegalArgumentException("sizes must be positive");
      if (dim % numHeads != 0)
        throw new IllegalArgumentException("hidden_sizes " + dim + " is not a multiple of num_attention_heads " + numHeads);
    }

    /// The window of the patch embedding.
    Window window() {
      return Window.square(patchSize).stride(stride).pad(patchSize / 2);
    }
  }

  /// @throws IllegalArgumentException if sizes do not fit together
  public SegformerConfig {
    Objects.requireNonNull(stages, "stages");
    Objects.requireNonNull(act, "act");
    stages = List.copyOf(stages);
    if (imageHeight < 1 || imageWidth < 1 || numChannels < 1 || stages.isEmpty() || decoderDim < 1 || numClasses < 1)
      throw new IllegalArgumentException("sizes must be positive");
  }

  private static Map<String, SegformerConfig> presets() {
    var presets = new TreeMap<String, SegformerConfig>();
    presets.put("segformer-b0", preset(512, 32, 256, 2, 2, 2, 2));
    presets.put("segformer-b1", preset(512, 64, 256, 2, 2, 2, 2));
    presets.put("segformer-b2", preset(512, 64, 768, 3, 4, 6, 3));
    presets.put("segformer-b3", preset(512, 64, 768, 3, 4, 18, 3));
    presets.put("segformer-b4", preset(512, 64, 768, 3, 8, 27, 3));
    presets.put("segformer-b5", preset(640, 64, 768, 3, 6, 40, 3));
    return presets;
  }

  private static SegformerConfig preset(int imageSize, int dim, int decoderDim, int... depths) {
    int[] dims = {dim, 2 * dim, 5 * dim, 8 * dim}, heads = {1, 2, 5, 8}, srRatios = {8, 4, 2, 1};
    var stages = new ArrayList<Stage>();
    for (int i = 0; i < depths.length; i++)
      stages.add(new Stage(i == 0 ? 7 : 3, i == 0 ? 4 : 2, dims[i], depths[i], heads[i], 4, srRatios[i]));
    return new SegformerConfig(imageSize, imageSize, 3, stages, Activation.GELU, 1e-5f, 1e-5f, decoderDim, false, 150);
  }

  /// The smallest side of a picture, such that each stage's map contains a window of the reduction.
  public int minSide() {
    int side = 1;
    while (!isEnough(side)) side++;
    return side;
  }

  private boolean isEnough(int side) {
    for (var stage : stages) {
      if (side + 2 * stage.window().padY() < stage.patchSize()) return false;
      side = stage.window().rows(side);
      if (side < stage.srRatio()) return false;
    }
    return true;
  }

  /// Reads the config in a model file: the published `config.json` with `image_size`, `num_labels`, and the `layer_norm_eps` of the
  /// reference.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static SegformerConfig of(JsonFields json) {
    var image = json.heightAndWidth("image_size");
    var dims = json.integers("hidden_sizes");
    float eps = json.number("layer_norm_eps");
    try {
      return new SegformerConfig(image[0], image[1], json.integer("num_channels", 3), stages(json, dims.length),
          ActivationNames.of(json.string("hidden_act")), eps, json.number("conv_norm_eps", eps),
          json.integer("decoder_hidden_size"), json.bool("mmseg_head", false), json.integer("num_labels"));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  private static List<Stage> stages(JsonFields json, int count) {
    var columns = new ArrayList<int[]>();
    for (var field : List.of("patch_sizes", "strides", "hidden_sizes", "depths", "num_attention_heads", "mlp_ratios",
        "sr_ratios")) {
      var column = json.integers(field);
      if (column.length != count) throw new IllegalArgumentException("'" + field + "': expected " + count
          + " numbers, as hidden_sizes, got " + column.length);
      columns.add(column);
    }
    var stages = new ArrayList<Stage>();
    for (int i = 0; i < count; i++)
      stages.add(new Stage(columns.get(0)[i], columns.get(1)[i], columns.get(2)[i], columns.get(3)[i], columns.get(4)[i],
          columns.get(5)[i], columns.get(6)[i]));
    return stages;
  }

  @Override
  public Family family() {
    return Family.SEGFORMER;
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    return Segformer.load(this, weights);
  }

  @Override
  public JsonObject toJson() {
    var json = new JsonObject();
    json.add("image_size", JsonFields.array(imageHeight, imageWidth));
    json.addProperty("num_channels", numChannels);
    json.add("patch_sizes", JsonFields.array(stages.stream().mapToInt(Stage::patchSize).toArray()));
    json.add("strides", JsonFields.array(stages.stream().mapToInt(Stage::stride).toArray()));
    json.add("hidden_sizes", JsonFields.array(stages.stream().mapToInt(Stage::dim).toArray()));
    json.add("depths", JsonFields.array(stages.stream().mapToInt(Stage::depth).toArray()));
    json.add("num_attention_heads", JsonFields.array(stages.stream().mapToInt(Stage::numHeads).toArray()));
    json.add("mlp_ratios", JsonFields.array(stages.stream().mapToInt(Stage::mlpRatio).toArray()));
    json.add("sr_ratios", JsonFields.array(stages.stream().mapToInt(Stage::srRatio).toArray()));
    json.addProperty("hidden_act", ActivationNames.nameOf(act));
    json.addProperty("layer_norm_eps", layerNormEps);
    if (convNormEps != layerNormEps) json.addProperty("conv_norm_eps", convNormEps);
    json.addProperty("decoder_hidden_size", decoderDim);
    if (mmsegHead) json.addProperty("mmseg_head", true);
    json.addProperty("num_labels", numClasses);
    return json;
  }
}
