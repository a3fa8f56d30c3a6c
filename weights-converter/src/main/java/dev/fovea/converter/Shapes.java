package dev.fovea.converter;

import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.sam.SamConfig;
import dev.fovea.models.segformer.SegformerConfig;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// Models that their tensors tell without a config. What shapes leave open, such as the number of heads, is as in the one published
/// model of these sizes; of other sizes it is not guessed.
final class Shapes {
  private final Source source;
  private final NameMap names;

  private Shapes(Source source, NameMap names) {
    this.source = source;
    this.names = names;
  }

  /// The model, or null where names or shapes are not enough.
  ///
  /// @throws CheckpointException if the family is clear and the sizes are none of the published ones
  static @Nullable HuggingFace read(Source source) {
    var google = GoogleVit.of(source);
    if (google != null) return HuggingFace.vit(google.config(), source);
    var segformer = SegformerNames.of(source);
    if (segformer != null) return new Shapes(source, segformer.map()).segformer(segformer);
    var sam = SamNames.of(source);
    if (sam != null) return new Shapes(source, sam).sam();
    if (OpenAiClip.recognises(source)) return OpenAiClip.read(null, source);
    var dinov2 = HuggingFace.dinov2Names(source);
    return dinov2 == null ? null : new Shapes(source, dinov2).dinov2();
  }

  private HuggingFace segformer(SegformerNames published) {
    int stages = IntStream.iterate(0, i -> i + 1).takeWhile(i -> has("stages." + i + ".patch_embed.proj.weight")).reduce(0, (_, i) -> i + 1);
    var dims = IntStream.range(0, stages).mapToObj(i -> length("stages." + i + ".patch_embed.proj.weight", 0)).toList();
    var depths = IntStream.range(0, stages).mapToObj(i -> depth("stages." + i + ".blocks.")).toList();
    int decoder = length("head.linear_c.0.weight", 0);
    for (var each : SegformerConfig.PRESETS.entrySet()) {
      var sizes = each.getValue();
      if (!dims.equals(sizes.stages().stream().map(SegformerConfig.Stage::dim).toList())
          || !depths.equals(sizes.stages().stream().map(SegformerConfig.Stage::depth).toList()) || decoder != sizes.decoderDim()) continue;
      var json = sizes.toJson();
      json.addProperty("layer_norm_eps", published.layerNormEps());
      json.addProperty("conv_norm_eps", published.convNormEps());
      return HuggingFace.segformer(new JsonFields(each.getKey(), json), source);
    }
    throw unpublished("a SegFormer under " + published.whose() + " names with stages of " + dims + " channels and " + depths
        + " blocks and a head of " + decoder + " channels", SegformerConfig.PRESETS);
  }

  private HuggingFace sam() {
    int dim = last("image_encoder.pos_embed"), depth = depth("image_encoder.blocks.");
    for (var each : SamConfig.PRESETS.entrySet()) {
      var vision = each.getValue().vision();
      if (vision.embedDim() == dim && vision.depth() == depth) return HuggingFace.of(each.getKey(), each.getValue(), source);
    }
    throw unpublished("a Segment Anything of " + dim + " channels and " + depth + " blocks", SamConfig.PRESETS);
  }

  /// The models with registers resample positions otherwise.
  private HuggingFace dinov2() {
    int dim = last("cls_token"), depth = depth("blocks."), patch = last("patch_embed.proj.weight");
    int side = (int) Math.sqrt(length("pos_embed", 1) - 1) * patch, registers = has("register_tokens") ? length("register_tokens", 1) : 0;
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

  private List<Long> shape(String name) {
    var tensor = source.tensors().get(published(name));
    if (tensor == null) throw new CheckpointException(source.name() + ": there is no '" + published(name) + "'");
    return tensor.shape();
  }

  private int length(String name, int dimension) {
    var shape = shape(name);
    if (shape.size() <= dimension || shape.get(dimension) > Integer.MAX_VALUE)
      throw new CheckpointException(source.name() + ": '" + published(name) + "': expected more dimensions, got " + shape);
    return shape.get(dimension).intValue();
  }

  private int last(String name) {
    return length(name, Math.max(0, shape(name).size() - 1));
  }
}
