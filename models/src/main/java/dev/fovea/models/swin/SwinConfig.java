package dev.fovea.models.swin;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.kernels.Activation;
import dev.fovea.models.ActivationNames;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/// The sizes of a Swin transformer, with the names of the published `backbone_config`.
///
/// @param embedDim channels of the first stage; each further stage has twice as many
/// @param stages from the finest map to the coarsest, each half as high and half as wide as the one before
/// @param windowSize side of the windows of attention, in positions of the map
/// @param mlpRatio hidden channels of the feed-forward part divided by those of the stage
/// @param outIndices stages whose maps are results, counted from 1, in ascending order
public record SwinConfig(int numChannels, int patchSize, int embedDim, List<Stage> stages, int windowSize, float mlpRatio,
    boolean qkvBias, Activation act, float layerNormEps, List<Integer> outIndices) {
  /// The epsilon of the norms that the reference creates without one.
  static final float DEFAULT_EPS = 1e-5f;

  /// The sizes of a stage.
  ///
  /// @param depth blocks; every second one, from the second on, has shifted windows
  public record Stage(int depth, int numHeads) {}

  /// @throws IllegalArgumentException if sizes do not fit together
  public SwinConfig {
    Objects.requireNonNull(stages, "stages");
    Objects.requireNonNull(act, "act");
    Objects.requireNonNull(outIndices, "outIndices");
    stages = List.copyOf(stages);
    outIndices = List.copyOf(outIndices);
    if (numChannels < 1 || patchSize < 1 || embedDim < 1 || stages.isEmpty() || windowSize < 1 || !(mlpRatio > 0))
      throw new IllegalArgumentException("backbone_config: sizes must be positive");
    for (int i = 0; i < stages.size(); i++) {
      var stage = stages.get(i);
      if (stage.depth < 0 || stage.numHeads < 1 || dim(embedDim, i) % stage.numHeads != 0)
        throw new IllegalArgumentException("backbone_config: " + dim(embedDim, i) + " channels of stage " + (i + 1)
            + " are not a multiple of num_heads " + stage.numHeads);
    }
    for (int i = 0; i < outIndices.size(); i++)
      if (outIndices.get(i) < 1 || outIndices.get(i) > stages.size() || i > 0 && outIndices.get(i) <= outIndices.get(i - 1))
        throw new IllegalArgumentException("backbone_config: out_indices " + outIndices + ": expected stages from 1 to "
            + stages.size() + " in ascending order");
  }

  private static int dim(int embedDim, int stage) {
    return Math.multiplyExact(embedDim, 1 << stage);
  }

  /// Channels of a stage, counted from 0.
  public int dim(int stage) {
    return dim(embedDim, stage);
  }

  /// Channels of each result.
  public List<Integer> outDims() {
    return outIndices.stream().map(index -> dim(index - 1)).toList();
  }

  /// Reads the published `backbone_config`.
  ///
  /// @throws IllegalArgumentException if sizes do not fit together
  /// @throws dev.fovea.engine.checkpoint.CheckpointException if a field is missing or wrong
  public static SwinConfig of(JsonFields json) {
    if (json.bool("use_absolute_embeddings", false))
      throw new IllegalArgumentException("backbone_config: use_absolute_embeddings is not supported");
    int[] depths = json.integers("depths"), heads = json.integers("num_heads");
    if (depths.length != heads.length)
      throw new IllegalArgumentException("backbone_config: 'num_heads': expected " + depths.length + " numbers, as depths, got "
          + heads.length);
    var stages = new ArrayList<Stage>();
    for (int i = 0; i < depths.length; i++) stages.add(new Stage(depths[i], heads[i]));
    return new SwinConfig(json.integer("num_channels", 3), json.integer("patch_size", 4), json.integer("embed_dim"), stages,
        json.integer("window_size"), json.number("mlp_ratio", 4), json.bool("qkv_bias", true),
        ActivationNames.of(json.string("hidden_act")), json.number("layer_norm_eps", DEFAULT_EPS),
        Arrays.stream(json.integers("out_indices")).boxed().toList());
  }

  /// The JSON form read by [#of].
  public JsonObject toJson() {
    var json = new JsonObject();
    json.addProperty("model_type", "swin");
    json.addProperty("num_channels", numChannels);
    json.addProperty("patch_size", patchSize);
    json.addProperty("embed_dim", embedDim);
    json.add("depths", JsonFields.array(stages.stream().mapToInt(Stage::depth).toArray()));
    json.add("num_heads", JsonFields.array(stages.stream().mapToInt(Stage::numHeads).toArray()));
    json.addProperty("window_size", windowSize);
    json.addProperty("mlp_ratio", mlpRatio);
    json.addProperty("qkv_bias", qkvBias);
    json.addProperty("hidden_act", ActivationNames.nameOf(act));
    json.addProperty("layer_norm_eps", layerNormEps);
    json.add("out_indices", JsonFields.array(outIndices.stream().mapToInt(i -> i).toArray()));
    return json;
  }
}
