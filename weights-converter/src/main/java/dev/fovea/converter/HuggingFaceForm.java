package dev.fovea.converter;

import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.nn.RotaryPositions;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.bert.BertConfig;
import dev.fovea.models.clip.ClipConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.grounding.GroundingDinoConfig;
import dev.fovea.models.llama.LlamaConfig;
import dev.fovea.models.sam.SamConfig;
import dev.fovea.models.segformer.SegformerConfig;
import dev.fovea.models.siglip.SiglipConfig;
import dev.fovea.models.vit.ViTConfig;
import dev.fovea.models.vlm.DeepseekVlConfig;
import dev.fovea.models.vlm.LlavaConfig;
import dev.fovea.models.vlm.SmolVlmConfig;
import dev.fovea.models.vlm.VisionLanguageSizes;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// A model in Hugging Face's form, the inverse of [HuggingFace], with one method per family. It omits fields whose defaults in
/// transformers' config classes are right, and training settings.
///
/// @param config its `config.json`, under the names of transformers' config classes
/// @param names the parameters' published names
/// @param zeros tensors that transformers expects and Fovea's models lack
record HuggingFaceForm(JsonObject config, NameMap names, Map<String, Zeros> zeros) {
  /// A tensor of zeros.
  ///
  /// @param why it is added
  record Zeros(DType dtype, List<Long> shape, String why) {
    /// Adds it to a file under this name.
    void addTo(CheckpointWriter writer, String name) {
      var lengths = shape.stream().mapToLong(d -> d).toArray();
      long bytes = Arrays.stream(lengths).reduce(dtype.bytes(), (a, b) -> a * b);
      writer.tensor(name, dtype, lengths, () -> Arena.ofAuto().allocate(bytes));
    }
  }

  private static final String MASK_TOKEN =
      "used in pre-training only, but transformers may start all embeddings anew where it is missing";
  private static final int POINT_EMBEDDINGS = 4;

  /// @param where the model's name in error messages
  /// @param labels class names, possibly fewer than classes
  /// @throws CheckpointException if transformers has no such family
  static HuggingFaceForm of(String where, ModelConfig config, List<String> labels) {
    return switch (config) {
      case ViTConfig vit -> vit(vit, labels);
      case Dinov2Config dinov2 -> dinov2(dinov2, labels);
      case ClipConfig clip -> new HuggingFaceForm(clip(clip), HuggingFaceNames.CLIP, Map.of());
      case SiglipConfig siglip -> new HuggingFaceForm(siglip(siglip), HuggingFaceNames.SIGLIP, Map.of());
      case BertConfig bert -> bert(bert, labels);
      case SegformerConfig segformer -> segformer(segformer, labels);
      case LlamaConfig llama -> llama(llama);
      case DeepseekVlConfig deepseek -> deepseekVl(deepseek);
      case LlavaConfig llava -> llava(llava);
      case SmolVlmConfig smol -> smolVlm(smol);
      case GroundingDinoConfig dino -> groundingDino(dino);
      case SamConfig sam -> new HuggingFaceForm(sam(sam), SamNames.HUGGING_FACE, Map.of());
      default -> throw new CheckpointException(where + ": family '" + config.family()
          + "': Hugging Face's form of it is not known");
    };
  }

  private static HuggingFaceForm vit(ViTConfig c, List<String> labels) {
    var json = model("vit", "ViTForImageClassification");
    copy(c.toJson(), json, "image_size", "patch_size", "num_channels", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "qkv_bias", "layer_norm_eps", "hidden_act");
    addLabels(json, c.numClasses(), labels);
    return new HuggingFaceForm(json, HuggingFaceNames.VIT, Map.of());
  }

  /// transformers' class with registers resamples positions with antialiasing; it may have zero registers.
  private static HuggingFaceForm dinov2(Dinov2Config c, List<String> labels) {
    boolean registers = c.interpolateAntialias() || c.numRegisterTokens() > 0;
    var type = registers ? "dinov2_with_registers" : "dinov2";
    var json = model(type,
        (registers ? "Dinov2WithRegisters" : "Dinov2") + (c.numClasses() > 0 ? "ForImageClassification" : "Model"));
    var fields = c.toJson();
    if (c.mlpRatio() == (int) c.mlpRatio()) fields.addProperty("mlp_ratio", (int) c.mlpRatio());
    copy(fields, json, "image_size", "patch_size", "num_channels", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "mlp_ratio", "use_swiglu_ffn", "qkv_bias", "layer_norm_eps", "hidden_act");
    if (registers) copy(fields, json, "num_register_tokens");
    addLabels(json, c.numClasses(), labels);
    var prefix = c.numClasses() > 0 ? type + "." : "";
    var maskToken = Map.entry(prefix + "embeddings.mask_token",
        new Zeros(DType.F32, List.of(1L, (long) c.embedDim()), MASK_TOKEN));
    var noRegisters = Map.entry(prefix + "embeddings.register_tokens",
        new Zeros(DType.F32, List.of(1L, 0L, (long) c.embedDim()), "has no elements, as there are no registers"));
    return new HuggingFaceForm(json, HuggingFaceNames.dinov2(prefix),
        registers && c.numRegisterTokens() == 0 ? Map.ofEntries(maskToken, noRegisters) : Map.ofEntries(maskToken));
  }

  /// Without a text encoder it is the image encoder, whose config stands alone. Each encoder also has `projection_dim`.
  private static JsonObject clip(ClipConfig c) {
    var fields = c.toJson();
    var vision = tower(fields.getAsJsonObject("vision_config"), "clip_vision_model");
    copy(fields, vision, "projection_dim");
    if (!fields.has("text_config")) return alone(vision, "CLIPVisionModelWithProjection");
    var text = tower(fields.getAsJsonObject("text_config"), "clip_text_model");
    copy(fields.getAsJsonObject("text_config"), text, "eos_token_id");
    copy(fields, text, "projection_dim");
    var json = model("clip", "CLIPModel");
    json.add("vision_config", vision);
    json.add("text_config", text);
    copy(fields, json, "projection_dim");
    return json;
  }

  /// Without a text encoder it is the image encoder, whose config stands alone.
  private static JsonObject siglip(SiglipConfig c) {
    var fields = c.toJson();
    var vision = tower(fields.getAsJsonObject("vision_config"), "siglip_vision_model");
    if (!c.pooling()) vision.addProperty("vision_use_head", false);
    if (!fields.has("text_config")) return alone(vision, "SiglipVisionModel");
    var text = tower(fields.getAsJsonObject("text_config"), "siglip_text_model");
    copy(fields.getAsJsonObject("text_config"), text, "pad_token_id", "projection_size");
    var json = model("siglip", "SiglipModel");
    json.add("vision_config", vision);
    json.add("text_config", text);
    return json;
  }

  private static JsonObject alone(JsonObject tower, String architecture) {
    var json = model(tower.get("model_type").getAsString(), architecture);
    tower.entrySet().forEach(field -> json.add(field.getKey(), field.getValue()));
    return json;
  }

  /// The config of an image or text encoder.
  private static JsonObject tower(JsonObject fields, String type) {
    var json = new JsonObject();
    json.addProperty("model_type", type);
    copy(fields, json, "image_size", "patch_size", "num_channels", "vocab_size", "max_position_embeddings", "num_hidden_layers",
        "hidden_size", "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps");
    return json;
  }

  /// A BERT without token types is a DistilBERT.
  private static HuggingFaceForm bert(BertConfig c, List<String> labels) {
    if (c.typeVocabSize() == 0) return distilBert(c);
    var json = model("bert", c.numClasses() > 0 ? "BertForSequenceClassification" : "BertModel");
    copy(c.toJson(), json, "vocab_size", "max_position_embeddings", "type_vocab_size", "num_hidden_layers", "hidden_size",
        "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps");
    addLabels(json, c.numClasses(), labels);
    var names = HuggingFaceNames.bert(c.numClasses() > 0 ? "bert." : "", "{weight|bias}");
    return new HuggingFaceForm(json, names, Map.of());
  }

  private static HuggingFaceForm distilBert(BertConfig c) {
    var json = model("distilbert", "DistilBertModel");
    var fields = c.toJson();
    copy(fields, json, "vocab_size", "max_position_embeddings");
    Map.of("hidden_size", "dim", "num_hidden_layers", "n_layers", "num_attention_heads", "n_heads", "intermediate_size",
        "hidden_dim", "hidden_act", "activation").forEach((berts, own) -> json.add(own, fields.get(berts)));
    return new HuggingFaceForm(json, HuggingFaceNames.distilBert(""), Map.of());
  }

  private static HuggingFaceForm segformer(SegformerConfig c, List<String> labels) {
    var json = model("segformer", "SegformerForSemanticSegmentation");
    json.addProperty("num_encoder_blocks", c.stages().size());
    copy(c.toJson(), json, "num_channels", "patch_sizes", "strides", "hidden_sizes", "depths", "num_attention_heads",
        "mlp_ratios", "sr_ratios", "hidden_act", "decoder_hidden_size");
    addLabels(json, c.numClasses(), labels);
    var steps = new Zeros(DType.I64, List.of(),
        "counts training's steps, but transformers may start the norm anew where it is missing");
    return new HuggingFaceForm(json, HuggingFaceNames.SEGFORMER, Map.of("decode_head.batch_norm.num_batches_tracked", steps));
  }

  private static JsonObject sam(SamConfig c) {
    var json = model("sam", "SamModel");
    var fields = c.toJson();
    var vision = new JsonObject();
    vision.addProperty("model_type", "sam_vision_model");
    copy(fields.getAsJsonObject("vision_config"), vision, "image_size", "patch_size", "num_channels", "hidden_size",
        "num_hidden_layers", "num_attention_heads", "mlp_dim", "qkv_bias", "global_attn_indexes", "window_size", "hidden_act",
        "layer_norm_eps", "output_channels");
    vision.addProperty("num_pos_feats", c.dim() / 2);
    json.add("vision_config", vision);
    var prompts = new JsonObject();
    copy(fields.getAsJsonObject("prompt_encoder_config"), prompts, "hidden_size", "mask_input_channels", "hidden_act",
        "layer_norm_eps");
    copy(vision, prompts, "image_size", "patch_size");
    prompts.addProperty("image_embedding_size", c.vision().gridSize());
    prompts.addProperty("num_point_embeddings", POINT_EMBEDDINGS);
    json.add("prompt_encoder_config", prompts);
    var masks = new JsonObject();
    copy(fields.getAsJsonObject("mask_decoder_config"), masks, "hidden_size", "num_hidden_layers", "num_attention_heads",
        "mlp_dim", "attention_downsample_rate", "num_multimask_outputs", "iou_head_hidden_dim", "hidden_act", "layer_norm_eps");
    json.add("mask_decoder_config", masks);
    return json;
  }

  private static HuggingFaceForm groundingDino(GroundingDinoConfig c) {
    var json = model(c.mm() ? "mm-grounding-dino" : "grounding-dino",
        (c.mm() ? "MM" : "") + "GroundingDinoForObjectDetection");
    var fields = c.toJson();
    fields.remove("shared_box_head");
    fields.remove("text_positions");
    json.addProperty("transformers_version", GroundingDinoNames.release(c));
    fields.entrySet().forEach(field -> json.add(field.getKey(), field.getValue()));
    var text = bert(c.text(), List.of()).config;
    text.remove("architectures");
    json.add("text_config", text);
    json.addProperty("two_stage", true);
    json.addProperty("query_dim", 4);
    json.addProperty("position_embedding_type", "sine");
    if (!c.mm()) json.addProperty("decoder_bbox_embed_share", c.sharedBoxHead());
    return new HuggingFaceForm(json, GroundingDinoNames.names(c), GroundingDinoNames.unused(c));
  }

  /// With biases of queries, keys and values alone it is a Qwen2. The older fields about rotary positions are for transformers 4.
  private static HuggingFaceForm llama(LlamaConfig c) {
    boolean qwen2 = c.bias().qkv() && !c.bias().proj();
    var json = qwen2 ? model("qwen2", "Qwen2ForCausalLM") : model("llama", "LlamaForCausalLM");
    var fields = c.toJson();
    copy(fields, json, "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "rope_parameters", "tie_word_embeddings");
    json.addProperty("hidden_act", "silu");
    if (!qwen2) {
      json.addProperty("attention_bias", c.bias().qkv());
      json.addProperty("mlp_bias", c.bias().mlp());
    }
    var rope = fields.getAsJsonObject("rope_parameters");
    json.add("rope_theta", rope.get("rope_theta"));
    json.add("rope_scaling", c.scaling() == RotaryPositions.Scaling.NONE ? JsonNull.INSTANCE : rope);
    var eos = c.eosTokenIds();
    json.add("eos_token_id", eos.isEmpty() ? JsonNull.INSTANCE : eos.size() == 1 ? new JsonPrimitive(eos.getFirst())
        : fields.get("eos_token_id"));
    return new HuggingFaceForm(json, HuggingFaceNames.llama(c.tied()), Map.of());
  }

  private static HuggingFaceForm deepseekVl(DeepseekVlConfig c) {
    var json = visionLanguage("deepseek_vl", "DeepseekVL", "siglip_vision_model", c.sizes());
    json.getAsJsonObject("vision_config").addProperty("vision_use_head", false);
    return new HuggingFaceForm(json, VisionLanguage.deepseekVl(c), Map.of());
  }

  private static HuggingFaceForm llava(LlavaConfig c) {
    var json = visionLanguage("llava", "Llava", "clip_vision_model", c.sizes());
    json.add("image_token_index", json.remove("image_token_id"));
    copy(c.toJson(), json, "projector_hidden_act", "multimodal_projector_bias", "vision_feature_layer",
        "vision_feature_select_strategy");
    return new HuggingFaceForm(json, VisionLanguage.llava(c), VisionLanguage.unused(c));
  }

  private static HuggingFaceForm smolVlm(SmolVlmConfig c) {
    var json = visionLanguage("smolvlm", "SmolVLM", "smolvlm_vision", c.sizes());
    copy(c.toJson(), json, "scale_factor");
    return new HuggingFaceForm(json, VisionLanguage.smolVlm(c), Map.of());
  }

  private static JsonObject visionLanguage(String type, String name, String visionType, VisionLanguageSizes sizes) {
    var json = model(type, name + "ForConditionalGeneration");
    var text = llama(sizes.text()).config;
    text.remove("architectures");
    json.addProperty("image_token_id", sizes.imageTokenId());
    json.addProperty("tie_word_embeddings", sizes.text().tied());
    json.add("vision_config", tower(sizes.vision().toJson(), visionType));
    json.add("text_config", text);
    return json;
  }

  private static JsonObject model(String type, String architecture) {
    var json = new JsonObject();
    var architectures = new JsonArray();
    architectures.add(architecture);
    json.add("architectures", architectures);
    json.addProperty("model_type", type);
    return json;
  }

  /// Copies the fields that exist; a square size becomes one number.
  private static void copy(JsonObject from, JsonObject to, String... fields) {
    for (var field : fields) {
      var value = from.get(field);
      boolean square = field.equals("image_size") && value instanceof JsonArray both && both.get(0).equals(both.get(1));
      if (value != null) to.add(field, square ? value.getAsJsonArray().get(0) : value);
    }
  }

  private static void addLabels(JsonObject json, int classes, List<String> labels) {
    var names = new JsonObject();
    var numbers = new JsonObject();
    for (int i = 0; i < classes; i++) {
      var label = i < labels.size() ? labels.get(i) : Integer.toString(i);
      names.addProperty(Integer.toString(i), label);
      numbers.addProperty(label, i);
    }
    if (classes == 0) return;
    json.add("id2label", names);
    json.add("label2id", numbers);
  }
}
