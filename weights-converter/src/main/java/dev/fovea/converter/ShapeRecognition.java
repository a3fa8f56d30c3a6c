package dev.fovea.converter;

import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.sam.SamConfig;
import dev.fovea.models.segformer.SegformerConfig;
import java.util.ArrayList;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// Recognises models by their tensors, without a config. Values that shapes leave open, such as the number of heads, are those of
/// the one published model of these sizes; for other sizes they are not guessed.
final class ShapeRecognition {
  private final Source source;
  private final NameMap names;

  private ShapeRecognition(Source source, NameMap names) {
    this.source = source;
    this.names = names;
  }

  /// The model, or null if names and shapes do not suffice.
  ///
  /// @throws CheckpointException if the family is clear but the sizes are none of the published ones
  static @Nullable HuggingFace of(Source source) {
    var bert = BertGraph.of(source);
    if (bert != null) return bert;
    var google = GoogleVit.of(source);
    if (google != null) return HuggingFace.vit(google.config(), source);
    if (OpenAiClip.recognises(source)) return OpenAiClip.read(null, source);
    var segformer = SegformerNames.of(source);
    if (segformer != null) return new ShapeRecognition(source, segformer.map()).segformer(segformer);
    var sam = SamNames.of(source);
    if (sam != null) return new ShapeRecognition(source, sam).sam();
    var dinov2 = HuggingFace.dinov2Names(source);
    return dinov2 == null ? null : new ShapeRecognition(source, dinov2).dinov2();
  }

  private HuggingFace segformer(SegformerNames published) {
    var dims = new ArrayList<Integer>();
    var depths = new ArrayList<Integer>();
    for (int i = 0; has("stages." + i + ".patch_embed.proj.weight"); i++) {
      dims.add(shape("stages." + i + ".patch_embed.proj.weight", 4)[0]);
      depths.add(depth("stages." + i + ".blocks."));
    }
    int decoder = shape("head.linear_fuse.weight", 4)[0];
    for (var each : SegformerConfig.PRESETS.entrySet()) {
      var sizes = each.getValue();
      if (!dims.equals(sizes.stages().stream().map(SegformerConfig.Stage::dim).toList())
          || !depths.equals(sizes.stages().stream().map(SegformerConfig.Stage::depth).toList())
          || decoder != sizes.decoderDim()) continue;
      var json = sizes.toJson();
      json.addProperty("layer_norm_eps", published.layerNormEps());
      json.addProperty("conv_norm_eps", published.convNormEps());
      return HuggingFace.segformer(new JsonFields(each.getKey(), json), source);
    }
    throw unpublished("a SegFormer under " + published.whose() + " names with stages of " + dims + " channels and " + depths
        + " blocks and a head of " + decoder + " channels", SegformerConfig.PRESETS);
  }

  private HuggingFace sam() {
    int dim = shape("image_encoder.pos_embed", 4)[3], depth = depth("image_encoder.blocks.");
    for (var each : SamConfig.PRESETS.entrySet()) {
      var vision = each.getValue().vision();
      if (vision.embedDim() == dim && vision.depth() == depth) return HuggingFace.of(each.getKey(), each.getValue(), source);
    }
    throw unpublished("a Segment Anything of " + dim + " channels and " + depth + " blocks", SamConfig.PRESETS);
  }

  /// Models with registers have another `model_type`, because they resample positions differently.
  private HuggingFace dinov2() {
    int dim = shape("cls_token", 3)[2], depth = depth("blocks."), patch = shape("patch_embed.proj.weight", 4)[3];
    int side = (int) Math.sqrt(shape("pos_embed", 3)[1] - 1) * patch;
    int registers = has("register_tokens") ? shape("register_tokens", 3)[1] : 0;
    for (var each : Dinov2Config.PRESETS.entrySet()) {
      var sizes = each.getValue();
      if (sizes.embedDim() != dim || sizes.depth() != depth || sizes.patchSize() != patch) continue;
      var json = sizes.toJson();
      json.addProperty("model_type", registers == 0 ? "dinov2" : "dinov2_with_registers");
      json.addProperty("num_register_tokens", registers);
      json.addProperty("image_size", side);
      return HuggingFace.read(new JsonFields(each.getKey(), json), null, source);
    }
    throw unpublished("a DINOv2 of " + dim + " channels, " + depth + " blocks and patches of " + patch, Dinov2Config.PRESETS);
  }

  private CheckpointException unpublished(String seen, Map<String, ?> presets) {
    return new CheckpointException(source.name() + ": there is no config.json beside it, and its tensors are " + seen
        + ", which is none of " + String.join(", ", presets.keySet().stream().sorted().toList()) + ": give --config FILE");
  }

  private String published(String name) {
    return names.sources(name).getFirst().name();
  }

  private boolean has(String name) {
    return source.tensors().containsKey(published(name));
  }

  private int depth(String blocks) {
    int depth = 0;
    while (has(blocks + depth + ".norm1.weight")) depth++;
    return depth;
  }

  private int[] shape(String name, int dimensions) {
    return source.tensor(published(name), dimensions).shape().stream().mapToInt(Math::toIntExact).toArray();
  }
}
