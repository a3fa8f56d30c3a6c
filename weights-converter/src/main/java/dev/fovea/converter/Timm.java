package dev.fovea.converter;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.models.vit.ViTConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/// What a folder of timm's says of a ViT (ref: timm, `models/vision_transformer.py`, `models/_hub.py`).
/// Its config names an architecture; most sizes are the tensors'.
final class Timm {
  /// Heads of the architectures that the config does not tell.
  private static final Map<String, Integer> HEADS = Map.of("tiny", 3, "small", 6, "base", 12, "large", 16, "huge", 16);
  private static final Pattern ARCHITECTURE = Pattern.compile("(?:vit|deit)_([a-z]+)_patch\\d+_\\d+");
  private static final Pattern EPS = Pattern.compile("layernorm_eps_([0-9.e-]+)");
  private static final float DEFAULT_EPS = 1e-6f;
  private static final Map<String, Integer> RESAMPLE = Map.of("nearest", 0, "lanczos", 1, "bilinear", 2, "bicubic", 3);
  private static final float DEFAULT_CROP = 0.875f;
  /// Arguments that say nothing beyond the tensors, or are read here.
  private static final Set<String> ARGUMENTS = Set.of("img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio",
      "norm_layer", "qkv_bias", "num_classes", "in_chans", "drop_rate", "drop_path_rate", "dynamic_img_size");

  private final JsonFields config;
  private final Source source;
  private final JsonFields arguments;

  private Timm(JsonFields config, Source source) {
    this.config = config;
    this.source = source;
    arguments = config.has("model_args") ? config.object("model_args") : new JsonFields(config.where(), new JsonObject());
  }

  /// @param config the folder's `config.json`, which has an `architecture`
  /// @throws CheckpointException if the architecture is not known, or a field or tensor is missing or wrong
  static HuggingFace read(JsonFields config, Source source) {
    return new Timm(config, source).vit();
  }

  private HuggingFace vit() {
    for (var argument : arguments.json().keySet())
      if (!ARGUMENTS.contains(argument))
        throw new CheckpointException(arguments.where() + ": '" + argument + "' is not supported");
    if (config.has("global_pool") && !config.string("global_pool").equals("token"))
      throw new CheckpointException(config.where() + ": global_pool '" + config.string("global_pool")
          + "' is not supported; expected token");
    var patch = shape("patch_embed.proj.weight", 4);
    var labels = labels(Math.toIntExact(shape("head.weight", 2).getFirst()));
    var json = new JsonObject();
    var pretrained = config.has("pretrained_cfg") ? config.object("pretrained_cfg")
        : new JsonFields(config.where(), new JsonObject());
    var size = imageSize(pretrained, Math.toIntExact(patch.getLast()));
    json.add("image_size", size);
    json.addProperty("patch_size", patch.getLast());
    json.addProperty("num_channels", patch.get(1));
    json.addProperty("hidden_size", patch.getFirst());
    json.addProperty("num_hidden_layers", depth());
    json.addProperty("num_attention_heads", heads());
    json.addProperty("intermediate_size", shape("blocks.0.mlp.fc1.weight", 2).getFirst());
    json.addProperty("qkv_bias", source.tensors().containsKey("blocks.0.attn.qkv.bias"));
    json.addProperty("layer_norm_eps", eps());
    json.addProperty("hidden_act", "gelu");
    json.addProperty("num_labels", labels.size());
    var vit = ViTConfig.of(new JsonFields(config.where(), json));
    return new HuggingFace(vit, NameMap.TIMM_VIT, labels, preprocessing(pretrained, vit.imageHeight(), vit.imageWidth()));
  }

  private List<Long> shape(String name, int dimensions) {
    var tensor = source.tensors().get(name);
    if (tensor == null)
      throw new CheckpointException(source.name() + ": there is no '" + name
          + "': only timm's ViTs with a classification head are supported");
    if (tensor.shape().size() != dimensions || tensor.size() == 0)
      throw new CheckpointException(source.name() + ": '" + name + "': expected " + dimensions + " dimensions, got "
          + tensor.shape());
    return tensor.shape();
  }

  private int depth() {
    int depth = 0;
    while (source.tensors().containsKey("blocks." + depth + ".norm1.weight")) depth++;
    return depth;
  }

  private int heads() {
    if (arguments.has("num_heads")) return arguments.integer("num_heads");
    var architecture = config.string("architecture");
    var known = ARCHITECTURE.matcher(architecture);
    if (!known.matches() || !HEADS.containsKey(known.group(1)))
      throw new CheckpointException(config.where() + ": architecture '" + architecture
          + "' is not known; expected one such as "
          + "vit_base_patch16_224, or 'num_heads' in 'model_args'");
    return HEADS.get(known.group(1));
  }

  private float eps() {
    if (!arguments.has("norm_layer")) return DEFAULT_EPS;
    var layer = EPS.matcher(arguments.string("norm_layer"));
    try {
      if (layer.matches()) return Float.parseFloat(layer.group(1));
    } catch (NumberFormatException e) {
      // Not a number: the same as no such norm.
    }
    throw new CheckpointException(arguments.where() + ": norm_layer '" + arguments.string("norm_layer") + "' is not supported");
  }

  /// Height and width; where the config does not tell, the positions belong to a square.
  private JsonArray imageSize(JsonFields pretrained, int patch) {
    var size = new JsonArray();
    if (arguments.has("img_size")) {
      for (int side : arguments.heightAndWidth("img_size")) size.add(side);
    } else if (pretrained.has("input_size")) {
      var input = pretrained.numbers("input_size");
      if (input.length != 3)
        throw new CheckpointException(pretrained.where() + ": 'input_size': expected channels, height and width");
      size.add((int) input[1]);
      size.add((int) input[2]);
    } else {
      int side = (int) Math.sqrt(shape("pos_embed", 3).get(1) - 1) * patch;
      size.add(side);
      size.add(side);
    }
    return size;
  }

  private List<String> labels(int classes) {
    var labels = new ArrayList<String>();
    if (config.has("label_names"))
      labels.addAll(JsonFields.strings(config.where() + ": label_names", config.json().get("label_names").toString()));
    if (!labels.isEmpty() && labels.size() != classes)
      throw new CheckpointException(config.where() + ": label_names: expected " + classes + ", got " + labels.size());
    for (int i = labels.size(); i < classes; i++) labels.add(Integer.toString(i));
    return labels;
  }

  /// timm scales the shorter side so that the centre's share of it is `crop_pct`.
  private static JsonObject preprocessing(JsonFields pretrained, int height, int width) {
    var json = Preprocessing.standard(height, width);
    for (var field : new String[] {"mean", "std"})
      if (pretrained.has(field)) json.add("image_" + field, pretrained.json().get(field));
    var interpolation = pretrained.has("interpolation") ? pretrained.string("interpolation") : "bicubic";
    if (!RESAMPLE.containsKey(interpolation))
      throw new CheckpointException(pretrained.where() + ": interpolation '" + interpolation
          + "' is not supported; expected one of nearest, lanczos, "
          + "bilinear, bicubic");
    json.addProperty("resample", RESAMPLE.get(interpolation));
    if (pretrained.has("crop_mode") && !pretrained.string("crop_mode").equals("center"))
      throw new CheckpointException(pretrained.where() + ": crop_mode '" + pretrained.string("crop_mode")
          + "' is not supported; expected center");
    float share = pretrained.number("crop_pct", DEFAULT_CROP);
    if (!(share > 0 && share <= 1))
      throw new CheckpointException(pretrained.where() + ": 'crop_pct': expected above 0 and at most 1, got " + share);
    json.add("crop_size", json.remove("size"));
    json.addProperty("do_center_crop", true);
    var size = new JsonObject();
    size.addProperty("shortest_edge", (int) Math.floor(Math.max(height, width) / (double) share));
    json.add("size", size);
    return json;
  }
}
