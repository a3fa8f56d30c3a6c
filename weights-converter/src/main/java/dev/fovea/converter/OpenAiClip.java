package dev.fovea.converter;

import static dev.fovea.converter.NameMap.all;
import static dev.fovea.converter.NameMap.one;

import com.google.gson.JsonObject;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.models.clip.ClipConfig;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// CLIP with the names of OpenAI's code, as in its state dicts and TorchScript archives and in open_clip's files (ref: openai/CLIP,
/// `clip/model.py`; open_clip, `model.py`, `transformer.py`).
///
/// As in OpenAI's `build_model`, names and shapes determine all sizes, with 64 channels per head and quick GELU. For other
/// open_clip models, `open_clip_config.json` gives these two.
final class OpenAiClip {
  private static final List<String> TELLING = List.of("visual.conv1.weight", "token_embedding.weight", "text_projection");
  private static final String TOLD_BY_SHAPES = "told by the shapes", MASK = "hides later tokens, as the model does anyway";
  private static final int HEAD_WIDTH = 64;
  private static final float TORCH_LAYER_NORM_EPS = 1e-5f;
  /// Supported fields of an open_clip config; most also follow from the shapes.
  private static final Set<String> MODEL = Set.of("embed_dim", "quick_gelu", "vision_cfg", "text_cfg");
  private static final Set<String> VISION = Set.of("image_size", "layers", "width", "head_width", "patch_size", "mlp_ratio");
  private static final Set<String> TEXT = Set.of("context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio",
      "hf_tokenizer_name", "tokenizer_kwargs");

  static final NameMap NAMES = new NameMap(all(
      tower("visual.", "visual."), tower("text.", ""),
      Map.ofEntries(
          one("visual.cls_token", "visual.class_embedding"),
          one("visual.pos_embed", "visual.positional_embedding"),
          one("visual.patch_embed.proj", "visual.conv1"),
          one("visual.norm_pre", "visual.ln_pre"),
          one("visual.norm", "visual.ln_post"),
          one("visual.proj", "visual.proj{|}(1 0)"),
          one("text.token_embed", "token_embedding"),
          one("text.pos_embed", "positional_embedding"),
          one("text.norm", "ln_final"),
          one("text.proj", "text_projection{|}(1 0)"),
          one("logit_scale", "logit_scale"))),
      Map.of("input_resolution", TOLD_BY_SHAPES, "context_length", TOLD_BY_SHAPES, "vocab_size", TOLD_BY_SHAPES,
          "attn_mask", MASK, "transformer.resblocks.#.attn_mask", MASK));

  private final Source source;
  /// open_clip's config; null for OpenAI's own models.
  private final @Nullable JsonFields openClip;

  private OpenAiClip(Source source, @Nullable JsonFields openClip) {
    this.source = source;
    this.openClip = openClip;
  }

  private static Map<String, List<String>> tower(String name, String source) {
    var layer = source + "transformer.resblocks.#.";
    return Map.ofEntries(
        one(name + "blocks.#.norm1", layer + "ln_1"),
        one(name + "blocks.#.attn.qkv", layer + "attn.in_proj_{weight|bias}"),
        one(name + "blocks.#.attn.proj", layer + "attn.out_proj"),
        one(name + "blocks.#.norm2", layer + "ln_2"),
        one(name + "blocks.#.mlp.fc1", layer + "mlp.c_fc"),
        one(name + "blocks.#.mlp.fc2", layer + "mlp.c_proj"));
  }

  /// Whether a checkpoint has these names.
  static boolean recognises(Source source) {
    return source.tensors().keySet().containsAll(TELLING);
  }

  /// @param openClip open_clip's config, or null for OpenAI's own models
  /// @throws CheckpointException if a tensor is missing or misshapen, or the model is not supported
  static HuggingFace read(@Nullable JsonFields openClip, Source source) {
    if (!recognises(source))
      throw new CheckpointException(source.name() + ": there are no " + String.join(", ", TELLING)
          + ": of open_clip's models, only "
          + "those with OpenAI's names are supported");
    return new OpenAiClip(source, openClip).read();
  }

  private HuggingFace read() {
    if (source.tensors().containsKey("visual.layer1.0.conv1.weight"))
      throw new CheckpointException(source.name() + ": CLIPs that see through a ResNet are not supported; expected one with a ViT");
    var model = openClip == null ? null : known(openClip.object("model_cfg"), MODEL);
    var act = model == null || model.bool("quick_gelu", false) ? "quick_gelu" : "gelu";
    var json = new JsonObject();
    json.add("vision_config", vision(model == null ? null : known(model.object("vision_cfg"), VISION), act));
    json.add("text_config", text(model == null ? null : known(model.object("text_cfg"), TEXT), act));
    json.addProperty("projection_dim", shape("text_projection", 2).getLast());
    var clip = ClipConfig.of(new JsonFields(source.name(), json));
    return new HuggingFace(clip, NAMES, List.of(), preprocessing(clip.vision().imageHeight(), clip.vision().imageWidth()));
  }

  /// @param config open_clip's; null for none
  private JsonObject vision(@Nullable JsonFields config, String act) {
    var patch = shape("visual.conv1.weight", 4);
    long grid = (long) Math.sqrt(shape("visual.positional_embedding", 2).getFirst() - 1);
    int side = (int) Math.min(Integer.MAX_VALUE, patch.getLast() * grid);
    var image = config != null && config.has("image_size") ? config.heightAndWidth("image_size") : new int[] {side, side};
    int headWidth = config == null ? HEAD_WIDTH : config.integer("head_width", HEAD_WIDTH);
    var json = blocks("visual.", heads("visual.", patch.getFirst(), headWidth), act);
    json.add("image_size", JsonFields.array(image));
    json.addProperty("patch_size", patch.getLast());
    json.addProperty("num_channels", patch.get(1));
    return json;
  }

  /// As in OpenAI's code, the largest token of a text marks its end.
  private JsonObject text(@Nullable JsonFields config, String act) {
    var tokens = shape("token_embedding.weight", 2);
    int heads = config != null && config.has("heads") ? config.integer("heads")
        : heads("", tokens.getLast(), HEAD_WIDTH);
    var json = blocks("", heads, act);
    json.addProperty("vocab_size", tokens.getFirst());
    json.addProperty("max_position_embeddings", shape("positional_embedding", 2).getFirst());
    json.addProperty("eos_token_id", ClipConfig.LARGEST_TOKEN);
    return json;
  }

  /// The fields common to both encoders.
  private JsonObject blocks(String scope, int heads, String act) {
    var layer = scope + "transformer.resblocks.";
    int depth = 0;
    while (source.tensors().containsKey(layer + depth + ".ln_1.weight")) depth++;
    var mlp = shape(layer + "0.mlp.c_fc.weight", 2);
    var json = new JsonObject();
    json.addProperty("hidden_size", mlp.getLast());
    json.addProperty("num_hidden_layers", depth);
    json.addProperty("num_attention_heads", heads);
    json.addProperty("intermediate_size", mlp.getFirst());
    json.addProperty("hidden_act", act);
    json.addProperty("layer_norm_eps", TORCH_LAYER_NORM_EPS);
    return json;
  }

  private int heads(String scope, long width, int headWidth) {
    if (headWidth < 1 || width % headWidth != 0)
      throw new CheckpointException(source.name() + ": '" + scope + "transformer': expected heads of " + headWidth
          + " channels, got "
          + width + " channels; open_clip's config beside the weights may tell otherwise");
    return Math.toIntExact(width / headWidth);
  }

  private List<Long> shape(String name, int dimensions) {
    return source.tensor(name, dimensions).shape();
  }

  /// @throws CheckpointException if another field is set
  private static JsonFields known(JsonFields config, Set<String> fields) {
    for (var field : config.json().keySet())
      if (config.has(field) && !fields.contains(field))
        throw new CheckpointException(config.where() + ": '" + field + "' is not supported");
    return config;
  }

  /// OpenAI's code and open_clip crop the centre with torchvision.
  private JsonObject preprocessing(int height, int width) {
    var json = Preprocessing.centreOfShortestEdge(height, width);
    json.addProperty("crop_rounding", "half_even");
    if (openClip == null || !openClip.has("preprocess_cfg")) return json;
    var config = openClip.object("preprocess_cfg");
    for (var field : new String[] {"mean", "std"}) if (config.has(field)) json.add("image_" + field, config.json().get(field));
    if (config.has("interpolation")) json.addProperty("resample", Timm.resample(config));
    var mode = config.has("resize_mode") ? config.string("resize_mode") : "shortest";
    switch (mode) {
      case "shortest" -> {}
      case "squash" -> json.add("size", json.get("crop_size"));
      default -> throw new CheckpointException(config.where() + ": resize_mode '" + mode
          + "' is not supported; expected shortest or squash");
    }
    return json;
  }
}
