package dev.fovea.converter;

import static dev.fovea.converter.NameMap.all;
import static dev.fovea.converter.NameMap.one;
import static dev.fovea.converter.NameRule.patches;

import com.google.gson.JsonObject;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.models.vlm.DeepseekVlConfig;
import dev.fovea.models.vlm.LlavaConfig;
import dev.fovea.models.vlm.SmolVlmConfig;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Hugging Face's vision-language models: a picture tower, an adapter and a decoder in one checkpoint (ref: transformers,
/// `models/deepseek_vl`, `models/llava`, `models/smolvlm` and `models/idefics3`).
///
/// Releases of transformers write the parts under different prefixes. The first one of each list below is written by release 5.
final class VisionLanguage {
  private static final String VISION = "vision_config", TEXT = "text_config", EOS = "eos_token_id", TIED = "tie_word_embeddings";
  private static final String IMAGE_TOKEN = "image_token_id", IMAGE_TOKEN_BEFORE = "image_token_index";
  private static final String PATCHES = "embeddings.patch_embedding.weight", EMBEDDING = "embed_tokens.weight";

  private static final List<String> DEEPSEEK_TOWER = List.of("model.vision_model.", "model.vision_model.vision_model.");
  private static final List<String> LLAVA_TOWER = List.of("vision_tower.", "vision_tower.vision_model.", "model.vision_tower.",
      "model.vision_tower.vision_model.");
  private static final List<String> LLAVA_PROJECTOR = List.of("multi_modal_projector.", "model.multi_modal_projector.");
  private static final List<String> LLAVA_DECODER = List.of("language_model.model.", "model.language_model.");

  private VisionLanguage() {}

  static HuggingFace deepseekVl(JsonFields config, Source checkpoint) {
    requireTower(config, "siglip_vision_model");
    var deepseek = DeepseekVlConfig.of(fields(config));
    var vision = deepseek.sizes().vision();
    var size = new JsonObject();
    size.addProperty("height", vision.imageHeight());
    size.addProperty("width", vision.imageWidth());
    return new HuggingFace(deepseek, deepseekVl(deepseek, prefix(checkpoint, PATCHES, DEEPSEEK_TOWER)), List.of(),
        ImageProcessor.DEEPSEEK_VL.with("size", size));
  }

  static HuggingFace llava(JsonFields config, Source checkpoint) {
    requireTower(config, "clip_vision_model");
    var llava = LlavaConfig.of(fields(config));
    var vision = llava.sizes().vision();
    return new HuggingFace(llava, llava(llava, prefix(checkpoint, PATCHES, LLAVA_TOWER),
        prefix(checkpoint, "linear_1.weight", LLAVA_PROJECTOR), prefix(checkpoint, EMBEDDING, LLAVA_DECODER)), List.of(),
        Preprocessing.centreOfShortestEdge(vision.imageHeight(), vision.imageWidth()));
  }

  static HuggingFace smolVlm(JsonFields config) {
    var smol = SmolVlmConfig.of(fields(config));
    int tile = smol.sizes().vision().imageHeight();
    var preprocessing = ImageProcessor.SMOLVLM.with("max_image_size", longestEdge(tile), "size", longestEdge(4 * tile));
    return new HuggingFace(smol, smolVlm(smol), List.of(), preprocessing);
  }

  private static JsonObject longestEdge(int size) {
    var json = new JsonObject();
    json.addProperty("longest_edge", size);
    return json;
  }

  /// @throws CheckpointException if the tower is another one than the family's
  private static void requireTower(JsonFields config, String type) {
    var vision = config.object(VISION);
    if (vision.has("model_type") && !vision.string("model_type").equals(type))
      throw new CheckpointException(vision.where() + ": model_type '" + vision.string("model_type")
          + "' is not supported; expected " + type);
  }

  /// The published config in the form that the family reads: the decoder's part has all that is the decoder's.
  private static JsonFields fields(JsonFields config) {
    var json = config.json().deepCopy();
    var text = HuggingFace.decoder(config.object(TEXT)).json();
    if (json.has(EOS)) text.add(EOS, json.get(EOS));
    if (config.bool(TIED, false)) text.addProperty(TIED, true);
    json.add(TEXT, text);
    if (!json.has(IMAGE_TOKEN)) json.add(IMAGE_TOKEN, json.get(IMAGE_TOKEN_BEFORE));
    return new JsonFields(config.where(), json);
  }

  /// The prefix under which the checkpoint has a tensor; the first one if it has none of them.
  private static String prefix(Source checkpoint, String ending, List<String> prefixes) {
    var tensors = checkpoint.tensors().keySet();
    return prefixes.stream().filter(prefix -> tensors.contains(prefix + ending)).findFirst().orElse(prefixes.getFirst());
  }

  static NameMap deepseekVl(DeepseekVlConfig config) {
    return deepseekVl(config, DEEPSEEK_TOWER.getFirst());
  }

  private static NameMap deepseekVl(DeepseekVlConfig config, String tower) {
    return new NameMap(all(siglip(tower), HuggingFaceNames.decoder("language.", "model.language_model.", "lm_head"),
        Map.ofEntries(one("adapter.fc1", "model.aligner.linear1"), one("adapter.fc2", "model.aligner.linear2"))),
        dropped(tower, config.sizes().text().tied() ? Set.of("lm_head.weight") : Set.of()));
  }

  static NameMap smolVlm(SmolVlmConfig config) {
    var tower = "model.vision_model.";
    return new NameMap(all(siglip(tower), HuggingFaceNames.decoder("language.", "model.text_model.", "lm_head"),
        Map.ofEntries(one("adapter.proj", "model.connector.modality_projection.proj"))),
        dropped(tower, config.sizes().text().tied() ? Set.of("lm_head.weight") : Set.of()));
  }

  static NameMap llava(LlavaConfig config) {
    return llava(config, LLAVA_TOWER.getFirst(), LLAVA_PROJECTOR.getFirst(), LLAVA_DECODER.getFirst());
  }

  private static NameMap llava(LlavaConfig config, String tower, String projector, String decoder) {
    var head = decoder.equals(LLAVA_DECODER.getFirst()) ? "language_model.lm_head" : "lm_head";
    var dropped = dropped(tower, config.sizes().text().tied() ? Set.of(head + ".weight") : Set.of());
    unusedShapes(config).keySet().forEach(name -> dropped.put(tower + name,
        "the tower is used up to its hidden state " + config.visionFeatureLayer()));
    return new NameMap(all(HuggingFaceNames.tower("visual.", tower), HuggingFaceNames.decoder("language.", decoder, head),
        Map.ofEntries(
            one("visual.cls_token", tower + "embeddings.class_embedding<*>"),
            one("visual.pos_embed", tower + "embeddings.position_embedding.weight"),
            one("visual.patch_embed.proj", patches(tower + "embeddings.patch_embedding", "vision_config.patch_size")),
            one("visual.norm_pre", tower + "pre_layrnorm"),
            one("adapter.fc1", projector + "linear_1"),
            one("adapter.fc2", projector + "linear_2"))),
        dropped);
  }

  /// What transformers expects of LLaVA's tower and the model does not use, as zeros.
  static Map<String, HuggingFaceForm.Zeros> unused(LlavaConfig config) {
    var zeros = new HashMap<String, HuggingFaceForm.Zeros>();
    unusedShapes(config).forEach((name, shape) -> zeros.put(LLAVA_TOWER.getFirst() + name, new HuggingFaceForm.Zeros(DType.F32,
        shape, "is not used, but transformers expects it")));
    return zeros;
  }

  /// The blocks behind the hidden state that is used, and the last norm.
  private static Map<String, List<Long>> unusedShapes(LlavaConfig config) {
    var vision = config.sizes().vision();
    long dim = vision.blocks().dim(), mlp = vision.blocks().mlpDim();
    var shapes = new LinkedHashMap<String, List<Long>>();
    for (int i = config.towerDepth(); i < vision.depth(); i++) {
      var layer = "encoder.layers." + i + ".";
      for (var linear : List.of("q_proj", "k_proj", "v_proj", "out_proj"))
        addLinear(shapes, layer + "self_attn." + linear, dim, dim);
      for (var norm : List.of("layer_norm1", "layer_norm2")) addNorm(shapes, layer + norm, dim);
      addLinear(shapes, layer + "mlp.fc1", mlp, dim);
      addLinear(shapes, layer + "mlp.fc2", dim, mlp);
    }
    addNorm(shapes, "post_layernorm", dim);
    return shapes;
  }

  private static void addLinear(Map<String, List<Long>> shapes, String name, long out, long in) {
    shapes.put(name + ".weight", List.of(out, in));
    shapes.put(name + ".bias", List.of(out));
  }

  private static void addNorm(Map<String, List<Long>> shapes, String name, long dim) {
    shapes.put(name + ".weight", List.of(dim));
    shapes.put(name + ".bias", List.of(dim));
  }

  /// SigLIP's tower without a head.
  private static Map<String, List<String>> siglip(String tower) {
    return all(HuggingFaceNames.tower("visual.", tower), Map.ofEntries(
        one("visual.pos_embed", tower + "embeddings.position_embedding.weight"),
        one("visual.patch_embed.proj", patches(tower + "embeddings.patch_embedding", "vision_config.patch_size")),
        one("visual.norm", tower + "post_layernorm")));
  }

  private static Map<String, String> dropped(String tower, Set<String> head) {
    var dropped = new HashMap<String, String>();
    dropped.put(tower + "embeddings.position_ids", "counts up from 0");
    head.forEach(name -> dropped.put(name, "is the embedding's, to which the config ties the head"));
    return dropped;
  }
}
