package dev.fovea.converter;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Defaults for fields missing from Hugging Face configs, as in the classes that read them (ref: transformers,
/// `configuration_*.py`). Only fields that Fovea's models use.
final class ConfigDefaults {
  private static final String FILE = "config.json", TEXT = "text_config", VISION = "vision_config", PAD = "pad_token_id";

  /// The defaults of a config class and of its nested config classes.
  private record Class(String name, JsonObject fields, Map<String, Class> objects) {
    Class(String name, String fields) {
      this(name, fields, Map.of());
    }

    Class(String name, String fields, Map<String, Class> objects) {
      this(name, JsonParser.parseString(fields.replace('\'', '"')).getAsJsonObject(), objects);
    }
  }

  private static final Class LLAMA = new Class("LlamaConfig", "{'vocab_size': 32000, 'hidden_size': 4096, "
      + "'intermediate_size': 11008, 'num_hidden_layers': 32, 'num_attention_heads': 32, 'max_position_embeddings': 2048, "
      + "'hidden_act': 'silu', 'rms_norm_eps': 1e-6, 'rope_theta': 10000.0, 'tie_word_embeddings': false, "
      + "'attention_bias': false, 'mlp_bias': false, 'eos_token_id': 2}");

  private static final Map<String, Class> CLASSES = classes();

  private ConfigDefaults() {}

  private static Map<String, Class> classes() {
    var blocks = "'hidden_size': 768, 'num_hidden_layers': 12, 'num_attention_heads': 12, ";
    var picture = "'image_size': 224, 'num_channels': 3, ";
    var clipText = new Class("CLIPTextConfig", "{'vocab_size': 49408, 'hidden_size': 512, 'intermediate_size': 2048, "
        + "'num_hidden_layers': 12, 'num_attention_heads': 8, 'max_position_embeddings': 77, 'hidden_act': 'quick_gelu', "
        + "'layer_norm_eps': 1e-5, 'eos_token_id': 49407}");
    var clipVision = "{" + blocks + picture + "'intermediate_size': 3072, 'patch_size': 32, 'hidden_act': 'quick_gelu', "
        + "'layer_norm_eps': 1e-5";
    var siglipText = new Class("SiglipTextConfig", "{" + blocks + "'vocab_size': 32000, 'intermediate_size': 3072, "
        + "'max_position_embeddings': 64, 'hidden_act': 'gelu_pytorch_tanh', 'layer_norm_eps': 1e-6, 'pad_token_id': 1}");
    var siglipVision = new Class("SiglipVisionConfig", "{" + blocks + picture + "'intermediate_size': 3072, 'patch_size': 16, "
        + "'hidden_act': 'gelu_pytorch_tanh', 'layer_norm_eps': 1e-6}");
    var dinov2 = "{" + blocks + picture + "'mlp_ratio': 4, 'hidden_act': 'gelu', 'layer_norm_eps': 1e-6, 'qkv_bias': true, "
        + "'use_swiglu_ffn': false, ";
    return Map.ofEntries(
        Map.entry("vit", new Class("ViTConfig", "{" + blocks + picture + "'intermediate_size': 3072, 'patch_size': 16, "
            + "'hidden_act': 'gelu', 'layer_norm_eps': 1e-12, 'qkv_bias': true}")),
        Map.entry("dinov2", new Class("Dinov2Config", dinov2 + "'patch_size': 14}")),
        Map.entry("dinov2_with_registers", new Class("Dinov2WithRegistersConfig", dinov2
            + "'patch_size': 16, 'num_register_tokens': 4}")),
        Map.entry("clip", new Class("CLIPConfig", "{'projection_dim': 512}",
            Map.of(TEXT, clipText, VISION, new Class("CLIPVisionConfig", clipVision + "}")))),
        Map.entry("clip_vision_model", new Class("CLIPVisionConfig", clipVision + ", 'projection_dim': 512}")),
        Map.entry("siglip", new Class("SiglipConfig", "{}", Map.of(TEXT, siglipText, VISION, siglipVision))),
        Map.entry("siglip_vision_model", siglipVision),
        Map.entry("bert", new Class("BertConfig", "{" + blocks + "'vocab_size': 30522, 'intermediate_size': 3072, "
            + "'max_position_embeddings': 512, 'type_vocab_size': 2, 'hidden_act': 'gelu', 'layer_norm_eps': 1e-12}")),
        Map.entry("distilbert", new Class("DistilBertConfig", "{'vocab_size': 30522, 'max_position_embeddings': 512, "
            + "'n_layers': 6, 'n_heads': 12, 'dim': 768, 'hidden_dim': 3072, 'activation': 'gelu'}")),
        Map.entry("roberta", roberta("RobertaConfig", 50265)),
        Map.entry("xlm-roberta", roberta("XLMRobertaConfig", 30522)),
        Map.entry("segformer", new Class("SegformerConfig",
            "{'num_channels': 3, 'depths': [2, 2, 2, 2], 'sr_ratios': [8, 4, 2, 1], "
            + "'hidden_sizes': [32, 64, 160, 256], 'patch_sizes': [7, 3, 3, 3], 'strides': [4, 2, 2, 2], "
            + "'num_attention_heads': [1, 2, 5, 8], 'mlp_ratios': [4, 4, 4, 4], 'hidden_act': 'gelu', 'decoder_hidden_size': "
                + "256}")),
        Map.entry("llama", LLAMA),
        Map.entry("qwen2", new Class("Qwen2Config", "{'vocab_size': 151936, 'hidden_size': 4096, 'intermediate_size': 22016, "
            + "'num_hidden_layers': 32, 'num_attention_heads': 32, 'num_key_value_heads': 32, "
            + "'max_position_embeddings': 32768, 'hidden_act': 'silu', 'rms_norm_eps': 1e-6, 'rope_theta': 10000.0, "
            + "'tie_word_embeddings': false}")),
        Map.entry("deepseek_vl", new Class("DeepseekVLConfig", "{'image_token_id': 100015}",
            Map.of(TEXT, LLAMA, VISION, siglipVision))),
        Map.entry("llava", new Class("LlavaConfig", "{'image_token_index': 32000, 'projector_hidden_act': 'gelu', "
            + "'vision_feature_select_strategy': 'default', 'vision_feature_layer': -2, 'multimodal_projector_bias': true}",
            Map.of(TEXT, LLAMA, VISION, new Class("CLIPVisionConfig", clipVision + "}")))),
        Map.entry("smolvlm", smolVlm("SmolVLM")),
        Map.entry("idefics3", smolVlm("Idefics3")),
        Map.entry("grounding-dino", groundingDino("GroundingDino")),
        Map.entry("mm-grounding-dino", groundingDino("MMGroundingDino")),
        Map.entry("sam", sam()));
  }

  private static Class roberta(String name, int vocabulary) {
    return new Class(name, "{'vocab_size': " + vocabulary + ", 'hidden_size': 768, 'num_hidden_layers': 12, "
        + "'num_attention_heads': 12, 'intermediate_size': 3072, 'max_position_embeddings': 512, 'type_vocab_size': 2, "
        + "'hidden_act': 'gelu', 'layer_norm_eps': 1e-12, 'pad_token_id': 1}");
  }

  private static Class smolVlm(String name) {
    var vision = new Class(name + "VisionConfig", "{'hidden_size': 1152, 'intermediate_size': 3072, 'num_hidden_layers': 12, "
        + "'num_attention_heads': 16, 'num_channels': 3, 'image_size': 224, 'patch_size': 32, 'hidden_act': 'gelu_pytorch_tanh', "
        + "'layer_norm_eps': 1e-6}");
    return new Class(name + "Config", "{'image_token_id': 128257, 'scale_factor': 2}", Map.of(TEXT, LLAMA, VISION, vision));
  }

  /// Without a backbone, the model's class takes one with the results of three stages.
  private static Class groundingDino(String name) {
    var layers = "'encoder_layers': 6, 'encoder_ffn_dim': 2048, 'encoder_attention_heads': 8, 'encoder_n_points': 4, "
        + "'decoder_layers': 6, 'decoder_ffn_dim': 2048, 'decoder_attention_heads': 8, 'decoder_n_points': 4, ";
    var swin = new Class("SwinConfig", "{'num_channels': 3, 'patch_size': 4, 'embed_dim': 96, 'depths': [2, 2, 6, 2], "
        + "'num_heads': [3, 6, 12, 24], 'window_size': 7, 'mlp_ratio': 4.0, 'qkv_bias': true, 'hidden_act': 'gelu', "
        + "'layer_norm_eps': 1e-5, 'out_indices': [2, 3, 4], 'use_absolute_embeddings': false}");
    var text = new Class("BertConfig", "{'vocab_size': 30522, 'hidden_size': 768, 'num_hidden_layers': 12, "
        + "'num_attention_heads': 12, 'intermediate_size': 3072, 'max_position_embeddings': 512, 'type_vocab_size': 2, "
        + "'hidden_act': 'gelu', 'layer_norm_eps': 1e-12}");
    return new Class(name + "Config", "{" + layers + "'num_queries': 900, 'd_model': 256, 'activation_function': 'relu', "
        + "'num_feature_levels': 4, 'max_text_len': 256, 'embedding_init_target': true, 'two_stage': true, "
        + "'positional_embedding_temperature': 20, 'layer_norm_eps': 1e-5}", Map.of("backbone_config", swin, TEXT, text));
  }

  private static Class sam() {
    var vision = new Class("SamVisionConfig", "{'hidden_size': 768, 'output_channels': 256, 'num_hidden_layers': 12, "
        + "'num_attention_heads': 12, 'num_channels': 3, 'image_size': 1024, 'patch_size': 16, 'hidden_act': 'gelu', "
        + "'layer_norm_eps': 1e-6, 'qkv_bias': true, 'mlp_ratio': 4, 'window_size': 14, 'global_attn_indexes': [2, 5, 8, 11]}");
    var prompts = new Class("SamPromptEncoderConfig", "{'hidden_size': 256, 'mask_input_channels': 16, 'hidden_act': 'gelu', "
        + "'layer_norm_eps': 1e-6}");
    var masks = new Class("SamMaskDecoderConfig",
        "{'hidden_size': 256, 'hidden_act': 'relu', 'mlp_dim': 2048, 'num_hidden_layers': 2, "
        + "'num_attention_heads': 8, 'attention_downsample_rate': 2, 'num_multimask_outputs': 3, 'iou_head_hidden_dim': 256, "
        + "'layer_norm_eps': 1e-6}");
    return new Class("SamConfig", "{}", Map.of(VISION, vision, "prompt_encoder_config", prompts, "mask_decoder_config",
        masks));
  }

  /// A complete config.
  ///
  /// @param assumed the defaults used for missing fields, a line each
  record Told(JsonFields config, List<String> assumed) {}

  /// Completes a Hugging Face `config.json`; other configs are returned unchanged.
  ///
  /// @param folder the tokenizer's folder, for SigLIP's padding token if the config has none
  static Told complete(JsonFields config, Source checkpoint, Path folder) {
    var known = config.has("model_type") ? CLASSES.get(config.string("model_type")) : null;
    if (known == null) return new Told(config, List.of());
    var json = config.json().deepCopy();
    var assumed = new ArrayList<String>();
    var complete = new JsonFields(config.where(), json);
    if (config.string("model_type").equals("siglip") && config.has(TEXT)) padding(complete.object(TEXT), folder, assumed);
    fill("", complete, known, checkpoint, assumed);
    return new Told(complete, List.copyOf(assumed));
  }

  /// SigLIP reads padding like any other token, and the tokenizer defines it.
  private static void padding(JsonFields text, Path folder, List<String> assumed) {
    int padding = text.has(PAD) ? -1 : Tokenizer.paddingOf(folder);
    if (padding < 0) return;
    text.json().addProperty(PAD, padding);
    assumed.add(FILE + ": " + TEXT + "." + PAD + ": " + padding + ", the tokenizer's");
  }

  private static void fill(String path, JsonFields config, Class known, Source checkpoint, List<String> assumed) {
    for (var field : known.fields.entrySet()) {
      if (config.has(field.getKey()) || toldByAnother(config, field.getKey())) continue;
      config.json().add(field.getKey(), field.getValue().deepCopy());
      assumed.add(FILE + ": " + path + field.getKey() + ": " + shown(field.getValue()) + ", the default of " + known.name);
    }
    known.objects.forEach((name, its) -> {
      if (!config.has(name)) {
        // Without text tensors the model is image-only.
        if (name.equals(TEXT) && !hasWords(checkpoint)) return;
        config.json().add(name, new JsonObject());
      }
      fill(path + name + ".", config.object(name), its == LLAMA ? decoder(config.object(name)) : its, checkpoint, assumed);
    });
  }

  /// The class of a decoder in a model.
  private static Class decoder(JsonFields config) {
    return config.has("model_type") && config.string("model_type").equals("qwen2") ? CLASSES.get("qwen2") : LLAMA;
  }

  private static Object shown(JsonElement value) {
    return value instanceof JsonPrimitive text && text.isString() ? text.getAsString() : value;
  }

  /// Segment Anything's `mlp_ratio` is redundant beside `mlp_dim`, and newer configs have `rope_theta` among others of its kind.
  private static boolean toldByAnother(JsonFields config, String field) {
    return field.equals("mlp_ratio") && config.has("mlp_dim")
        || field.equals("image_token_index") && config.has("image_token_id")
        || field.equals("rope_theta") && config.has("rope_parameters") && config.object("rope_parameters").has("rope_theta");
  }

  private static boolean hasWords(Source checkpoint) {
    return checkpoint.tensors().keySet().stream().anyMatch(name -> name.startsWith("text_model.")
        || name.equals("token_embedding.weight"));
  }
}
