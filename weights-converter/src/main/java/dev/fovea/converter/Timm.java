package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.models.clip.ClipConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.siglip.SiglipConfig;
import dev.fovea.models.vit.ViTConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// The vision transformer in a timm folder (ref: timm, `models/vision_transformer.py`, `models/_hub.py`). Its config names an
/// architecture; its structure and most sizes come from the tensors.
///
/// With layer scale it becomes a DINOv2; without a class token, a SigLIP; with a norm before the blocks and a projection, an
/// image-only CLIP; otherwise a ViT.
final class Timm {
  /// Values implied by the names of some architectures.
  ///
  /// @param name a pattern whose first group is the size
  /// @param eps of the norms
  /// @param heads by size
  private record Architectures(Pattern name, float eps, Map<String, Integer> heads) {
    private Architectures(String name, float eps, Map<String, Integer> heads) {
      this(Pattern.compile(name), eps, heads);
    }

    /// Number of heads of an architecture; null for others.
    private @Nullable Integer headsOf(String architecture) {
      var matcher = name.matcher(architecture);
      return matcher.matches() ? heads.get(matcher.group(1)) : null;
    }
  }

  private static final List<Architectures> KNOWN = List.of(
      new Architectures("(?:vit|deit)_([a-z]+)_patch\\d+_\\d+", 1e-6f,
          Map.of("tiny", 3, "small", 6, "base", 12, "large", 16, "huge", 16)),
      new Architectures("vit_([a-z]+)_patch\\d+(?:_reg\\d+)?_dinov2", 1e-6f,
          Map.of("small", 6, "base", 12, "large", 16, "giant", 24)),
      new Architectures("vit_([a-z]+)_patch\\d+_clip_(?:quickgelu_)?\\d+", 1e-5f,
          Map.of("xsmall", 4, "medium", 8, "betwixt", 10, "base", 12, "large", 16, "huge", 16, "giant", 16, "gigantic", 16)),
      new Architectures("vit_([a-z]+)_patch\\d+_plus_clip_\\d+", 1e-5f, Map.of("base", 14)),
      new Architectures("vit_([a-z0-9]+)_patch\\d+_siglip_(?:gap_)?\\d+", 1e-6f,
          Map.of("base", 12, "large", 16, "so400m", 16, "giantopt", 16)));
  private static final Pattern QUICK_GELU = Pattern.compile("vit_\\w+_clip_quickgelu_\\d+");
  /// The SigLIP architectures that timm runs with the tanh GELU of their training.
  private static final Pattern GELU_TANH = Pattern.compile(
      "vit_(?:base_patch32|so400m_patch16|giantopt_patch16)_siglip_\\w+|vit_large_patch16_siglip_(?:gap_)?512");
  private static final Map<String, String> ACTIVATIONS = Map.of("gelu", "gelu", "gelu_tanh", "gelu_pytorch_tanh", "quick_gelu",
      "quick_gelu", "relu", "relu", "silu", "silu");
  private static final Pattern EPS = Pattern.compile("layernorm_eps_([0-9.e-]+)");
  private static final float DEFAULT_EPS = 1e-6f;
  private static final Map<String, Integer> RESAMPLE = Map.of("nearest", 0, "lanczos", 1, "bilinear", 2, "bicubic", 3);
  private static final float DEFAULT_CROP = 0.875f;
  /// A gated feed-forward part has two thirds of the features given by its ratio.
  private static final float GATED = 1.5f;
  /// Arguments that are redundant beside the tensors, or are read here.
  private static final Set<String> ARGUMENTS = Set.of("img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio",
      "norm_layer", "act_layer", "qkv_bias", "num_classes", "in_chans", "drop_rate", "drop_path_rate", "dynamic_img_size",
      "init_values", "class_token", "reg_tokens", "no_embed_class", "pre_norm", "fc_norm", "global_pool");

  private final JsonFields config;
  private final String architecture;
  /// Null for other architectures.
  private final @Nullable Architectures known;
  private final Source source;
  private final JsonFields arguments;
  private final JsonFields pretrained;

  private Timm(JsonFields config, Source source) {
    this.config = config;
    this.source = source;
    architecture = config.string("architecture");
    known = KNOWN.stream().filter(each -> each.headsOf(architecture) != null).findFirst().orElse(null);
    var nothing = new JsonFields(config.where(), new JsonObject());
    arguments = config.has("model_args") ? config.object("model_args") : nothing;
    pretrained = config.has("pretrained_cfg") ? config.object("pretrained_cfg") : nothing;
  }

  /// @param config the folder's `config.json`, which has an `architecture`
  /// @throws CheckpointException if the architecture is not known, or a field or tensor is missing or wrong
  static HuggingFace read(JsonFields config, Source source) {
    return new Timm(config, source).read();
  }

  private HuggingFace read() {
    for (var argument : arguments.json().keySet())
      if (!ARGUMENTS.contains(argument))
        throw new CheckpointException(arguments.where() + ": '" + argument + "' is not supported");
    var pool = has("attn_pool.latent") ? "map" : has("cls_token") ? "token" : "avg";
    for (var fields : List.of(config, arguments))
      if (fields.has("global_pool") && !fields.string("global_pool").equals(pool))
        throw new CheckpointException(fields.where() + ": global_pool '" + fields.string("global_pool")
            + "' is not supported for these tensors; expected " + pool);
    if (has("blocks.0.ls1.gamma")) return dinov2();
    if (!has("cls_token")) return siglip();
    return has("norm_pre.weight") && headProjects() ? clip() : vit();
  }

  private boolean has(String name) {
    return source.tensors().containsKey(name);
  }

  private List<Long> shape(String name, int dimensions) {
    return source.tensor(name, dimensions).shape();
  }

  private HuggingFace vit() {
    if (!has("head.weight"))
      throw new CheckpointException(source.name()
          + ": there is no 'head.weight': only ViTs with a classification head are supported");
    var labels = labels(Math.toIntExact(shape("head.weight", 2).getFirst()));
    var json = sizes();
    json.addProperty("qkv_bias", has("blocks.0.attn.qkv.bias"));
    json.addProperty("pre_norm", has("norm_pre.weight"));
    json.addProperty("num_labels", labels.size());
    var vit = ViTConfig.of(new JsonFields(config.where(), json));
    var standard = Preprocessing.standard(vit.imageHeight(), vit.imageWidth());
    return new HuggingFace(vit, TimmNames.VIT, labels, preprocessing(standard, vit.imageHeight(), vit.imageWidth()));
  }

  /// timm resamples positions with antialiasing, with registers and without.
  private HuggingFace dinov2() {
    requireNoHead("a DINOv2 with a head on the class token");
    long hidden = shape("blocks.0.mlp.fc2.weight", 2).getLast();
    boolean swiGlu = shape("blocks.0.mlp.fc1.weight", 2).getFirst() == 2 * hidden;
    var json = sizes();
    json.addProperty("mlp_ratio", ratio(swiGlu ? GATED * hidden : hidden, shape("blocks.0.mlp.fc2.weight", 2).getFirst()));
    json.addProperty("use_swiglu_ffn", swiGlu);
    json.addProperty("qkv_bias", has("blocks.0.attn.qkv.bias"));
    json.addProperty("num_register_tokens", has("reg_token") ? shape("reg_token", 3).get(1) : 0);
    json.addProperty("interpolate_antialias", true);
    json.addProperty("num_labels", 0);
    var dinov2 = Dinov2Config.of(new JsonFields(config.where(), json));
    int height = dinov2.imageHeight(), width = dinov2.imageWidth();
    boolean classPosition = shape("pos_embed", 3).get(1) != (long) dinov2.rows() * dinov2.cols();
    return new HuggingFace(dinov2, TimmNames.dinov2(classPosition), List.of(),
        preprocessing(Preprocessing.imageNet(height, width), height, width));
  }

  /// The ratio for which `ratio · channels`, rounded down, is `features`.
  private static float ratio(float features, float channels) {
    float ratio = features / channels;
    return (int) (ratio * channels) < (int) features ? Math.nextUp(ratio) : ratio;
  }

  private HuggingFace clip() {
    var json = new JsonObject();
    json.add("vision_config", sizes());
    json.addProperty("projection_dim", shape("head.weight", 2).getFirst());
    var clip = ClipConfig.of(new JsonFields(config.where(), json));
    int height = clip.vision().imageHeight(), width = clip.vision().imageWidth();
    return new HuggingFace(clip, TimmNames.CLIP, List.of(),
        preprocessing(Preprocessing.centreOfShortestEdge(height, width), height, width));
  }

  /// A projection has no bias, so timm stores zeros; a classifier has a learnt one.
  private boolean headProjects() {
    var bias = source.tensors().get("head.bias");
    for (long i = 0; bias != null && i < bias.size(); i++) if (bias.floatAt(i) != 0) return false;
    return true;
  }

  private HuggingFace siglip() {
    requireNoHead("a ViT without a class token and with a head");
    var vision = sizes();
    vision.addProperty("vision_use_head", has("attn_pool.latent"));
    var json = new JsonObject();
    json.add("vision_config", vision);
    var siglip = SiglipConfig.of(new JsonFields(config.where(), json));
    int height = siglip.vision().imageHeight(), width = siglip.vision().imageWidth();
    return new HuggingFace(siglip, TimmNames.SIGLIP, List.of(),
        preprocessing(Preprocessing.standardBicubic(height, width), height, width));
  }

  private void requireNoHead(String what) {
    if (has("head.weight")) throw new CheckpointException(source.name() + ": 'head.weight': " + what + " is not supported");
  }

  /// The fields common to the configs of all families.
  private JsonObject sizes() {
    var patch = shape("patch_embed.proj.weight", 4);
    var json = new JsonObject();
    json.add("image_size", JsonFields.array(imageSize(patch.getLast())));
    json.addProperty("patch_size", patch.getLast());
    json.addProperty("num_channels", patch.get(1));
    json.addProperty("hidden_size", patch.getFirst());
    json.addProperty("num_hidden_layers", depth());
    json.addProperty("num_attention_heads", heads());
    json.addProperty("intermediate_size", shape("blocks.0.mlp.fc1.weight", 2).getFirst());
    json.addProperty("layer_norm_eps", eps());
    json.addProperty("hidden_act", activation());
    return json;
  }

  private int depth() {
    int depth = 0;
    while (has("blocks." + depth + ".norm1.weight")) depth++;
    return depth;
  }

  private int heads() {
    if (arguments.has("num_heads")) return arguments.integer("num_heads");
    if (known != null) return known.headsOf(architecture);
    throw new CheckpointException(config.where() + ": architecture '" + architecture + "' is not known; expected one such as "
        + "vit_base_patch16_224, vit_base_patch14_dinov2, vit_base_patch32_clip_224 or vit_base_patch16_siglip_224, or "
        + "'num_heads' in 'model_args'");
  }

  private float eps() {
    if (!arguments.has("norm_layer")) return known == null ? DEFAULT_EPS : known.eps;
    var layer = EPS.matcher(arguments.string("norm_layer"));
    try {
      if (layer.matches()) return Float.parseFloat(layer.group(1));
    } catch (NumberFormatException e) {
      // Not a number: reported as an unknown norm.
    }
    throw new CheckpointException(arguments.where() + ": norm_layer '" + arguments.string("norm_layer") + "' is not supported");
  }

  /// The activation that timm runs the architecture with, under Hugging Face's name.
  private String activation() {
    if (arguments.has("act_layer")) {
      var activation = ACTIVATIONS.get(arguments.string("act_layer"));
      if (activation != null) return activation;
      throw new CheckpointException(arguments.where() + ": act_layer '" + arguments.string("act_layer")
          + "' is not supported; expected gelu, gelu_tanh, quick_gelu, relu or silu");
    }
    return QUICK_GELU.matcher(architecture).matches() ? "quick_gelu"
        : GELU_TANH.matcher(architecture).matches() ? "gelu_pytorch_tanh" : "gelu";
  }

  /// Height and width; without them in the config, the positions are taken to form a square.
  private int[] imageSize(long patch) {
    if (arguments.has("img_size")) return arguments.heightAndWidth("img_size");
    if (!pretrained.has("input_size")) {
      // The class token's additional position does not change the root's integer part.
      int side = (int) Math.min(Integer.MAX_VALUE, (long) Math.sqrt(shape("pos_embed", 3).get(1)) * patch);
      return new int[] {side, side};
    }
    var input = pretrained.integers("input_size");
    if (input.length != 3)
      throw new CheckpointException(pretrained.where() + ": 'input_size': expected channels, height and width");
    return new int[] {input[1], input[2]};
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

  /// timm scales the shorter side, or for `squash` both sides, so that the centre's share is `crop_pct`. torchvision crops it.
  ///
  /// @param json the family's usual preprocessing
  private JsonObject preprocessing(JsonObject json, int height, int width) {
    for (var field : new String[] {"mean", "std"})
      if (pretrained.has(field)) json.add("image_" + field, pretrained.json().get(field));
    json.addProperty("resample", pretrained.has("interpolation") ? resample(pretrained) : RESAMPLE.get("bicubic"));
    float share = pretrained.number("crop_pct", DEFAULT_CROP);
    if (!(share > 0 && share <= 1))
      throw new CheckpointException(pretrained.where() + ": 'crop_pct': expected above 0 and at most 1, got " + share);
    if (!json.has("crop_size")) json.add("crop_size", json.get("size"));
    json.addProperty("do_center_crop", true);
    json.addProperty("crop_rounding", "half_even");
    var size = new JsonObject();
    var mode = pretrained.has("crop_mode") ? pretrained.string("crop_mode") : "center";
    switch (mode) {
      case "center" -> size.addProperty("shortest_edge", (int) Math.floor(Math.max(height, width) / (double) share));
      case "squash" -> {
        size.addProperty("height", (int) Math.floor(height / (double) share));
        size.addProperty("width", (int) Math.floor(width / (double) share));
      }
      default -> throw new CheckpointException(pretrained.where() + ": crop_mode '" + mode
          + "' is not supported; expected center or squash");
    }
    json.add("size", size);
    return json;
  }

  /// The code of Preprocessing for the field `interpolation`.
  ///
  /// @throws CheckpointException if it is not supported
  static int resample(JsonFields config) {
    var interpolation = config.string("interpolation");
    if (!RESAMPLE.containsKey(interpolation))
      throw new CheckpointException(config.where() + ": interpolation '" + interpolation
          + "' is not supported; expected one of nearest, lanczos, bilinear, bicubic");
    return RESAMPLE.get(interpolation);
  }
}
