package dev.fovea.converter;

import static dev.fovea.converter.NameRule.conv;
import static dev.fovea.converter.NameRule.patches;

import com.google.common.primitives.Ints;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.models.grounding.GroundingDinoConfig;
import dev.fovea.models.grounding.TextPositions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Hugging Face's `GroundingDinoForObjectDetection` and `MMGroundingDinoForObjectDetection` (ref: transformers,
/// `models/grounding_dino/modeling_grounding_dino.py`, `models/mm_grounding_dino/modular_mm_grounding_dino.py`).
final class GroundingDinoNames {
  private static final String BACKBONE = "backbone_config", TEXT = "text_config";
  private static final String RELEASE = "transformers_version";
  private static final String SWIN = "model.backbone.conv_encoder.model.";

  private GroundingDinoNames() {}

  static HuggingFace read(JsonFields config, Source checkpoint) {
    requireType(config, BACKBONE, "swin");
    requireType(config, TEXT, "bert");
    var tensors = checkpoint.tensors();
    var json = config.json().deepCopy();
    json.addProperty("shared_box_head", !tensors.containsKey("bbox_embed.1.layers.0.weight"));
    json.addProperty("text_positions", positions(config).id());
    var dino = GroundingDinoConfig.of(new JsonFields(config.where(), json));
    return new HuggingFace(dino, names(dino, lastBias(dino, checkpoint)), List.of(), ImageProcessor.GROUNDING_DINO.usual());
  }

  /// The positions of the release that wrote the config, with which the model was trained, or those of the original implementation.
  private static TextPositions positions(JsonFields config) {
    var release = config.has(RELEASE) ? config.string(RELEASE) : "";
    int dot = release.indexOf('.');
    var major = Ints.tryParse(dot < 0 ? release : release.substring(0, dot));
    return major != null && major >= 5 ? TextPositions.TRANSFORMERS_5 : TextPositions.ORIGINAL;
  }

  /// The release whose positions a model has.
  static String release(GroundingDinoConfig config) {
    return switch (config.textPositions()) {
      case ORIGINAL -> "4.57.0";
      case TRANSFORMERS_5 -> "5.18.0";
    };
  }

  /// @throws CheckpointException if a part is of another kind than the family's
  private static void requireType(JsonFields config, String part, String type) {
    if (!config.has(part))
      throw new CheckpointException(config.where() + ": there is no '" + part + "'; expected one with model_type " + type);
    var its = config.object(part);
    if (its.has("model_type") && !its.string("model_type").equals(type))
      throw new CheckpointException(its.where() + ": model_type '" + its.string("model_type") + "' is not supported; expected "
          + type);
  }

  /// The bias of the last layer's scores, or of the first one's that all layers share.
  private static int lastBias(GroundingDinoConfig config, Source checkpoint) {
    int last = config.decoder().depth() - 1;
    return checkpoint.tensors().containsKey("class_embed." + last + ".bias") ? last : 0;
  }

  /// The names of a model in the form of transformers 5.
  static NameMap names(GroundingDinoConfig config) {
    return names(config, 0);
  }

  private static NameMap names(GroundingDinoConfig config, int bias) {
    var rules = new HashMap<String, List<String>>();
    swin(rules);
    HuggingFaceNames.bert("model.text_backbone.", "{weight|bias}").rules().forEach((name, sources) ->
        rules.put("text." + name, sources));
    add(rules, "text_proj", "model.text_projection");
    int maps = config.backbone().outIndices().size();
    for (int i = 0; i < config.levels(); i++) {
      var source = "model.input_proj_vision." + i + ".";
      add(rules, "input_projs." + i + ".conv", i < maps ? source + "0<N K 1 1>" : conv(source + "0<N * 3 3>"));
      add(rules, "input_projs." + i + ".norm", source + "1");
    }
    add(rules, "level_embed", "model.level_embed");
    encoder(rules);
    add(rules, "query_proj", "model.enc_output");
    add(rules, "query_norm", "model.enc_output_norm");
    perceptron(rules, "proposal_head", "model.encoder_output_bbox_embed", 3);
    add(rules, "queries", "model.query_position_embeddings.weight");
    decoder(rules);
    perceptron(rules, "decoder.box_head", "bbox_embed.0", 3);
    perceptron(rules, "decoder.box_heads.#", "bbox_embed.#", 3);
    add(rules, "score_bias", "class_embed." + bias + ".bias<>");
    return new NameMap(Map.copyOf(rules), dropped(config, bias));
  }

  private static void add(Map<String, List<String>> rules, String name, String... sources) {
    rules.put(name, List.of(sources));
  }

  private static void swin(Map<String, List<String>> rules) {
    String own = "backbone.stages.#.blocks.#.", source = SWIN + "encoder.layers.#.blocks.#.";
    add(rules, "backbone.patch_embed.proj", patches(SWIN + "embeddings.patch_embeddings.projection",
        BACKBONE + ".patch_size"));
    add(rules, "backbone.patch_embed.norm", SWIN + "embeddings.norm");
    add(rules, own + "norm1", source + "layernorm_before");
    add(rules, own + "attn.qkv", source + "attention.self.query", source + "attention.self.key", source + "attention.self.value");
    add(rules, own + "attn.proj", source + "attention.output.dense");
    add(rules, own + "attn.rel_pos_bias", source + "attention.self.relative_position_bias_table");
    add(rules, own + "norm2", source + "layernorm_after");
    add(rules, own + "mlp.fc1", source + "intermediate.dense");
    add(rules, own + "mlp.fc2", source + "output.dense");
    add(rules, "backbone.stages.#.downsample.norm", SWIN + "encoder.layers.#.downsample.norm");
    add(rules, "backbone.stages.#.downsample.reduction", SWIN + "encoder.layers.#.downsample.reduction");
    add(rules, "backbone.norms.#", SWIN + "hidden_states_norms.stage#+1");
  }

  private static void encoder(Map<String, List<String>> rules) {
    String own = "encoder.layers.#.", source = "model.encoder.layers.#.";
    String fusion = source + "fusion_layer.", text = source + "text_enhancer_layer.", vision = source + "deformable_layer.";
    add(rules, own + "fusion.vision_norm", fusion + "layer_norm_vision");
    add(rules, own + "fusion.text_norm", fusion + "layer_norm_text");
    for (var part : List.of("vision", "text")) {
      add(rules, own + "fusion." + part, fusion + "attn." + part + "_proj");
      add(rules, own + "fusion." + part + "_value", fusion + "attn.values_" + part + "_proj");
      add(rules, own + "fusion." + part + "_proj", fusion + "attn.out_" + part + "_proj");
      add(rules, own + "fusion." + part + "_scale.gamma", fusion + part + "_param");
    }
    attention(rules, own + "text.attn.", text + "self_attn.");
    add(rules, own + "text.norm1", text + "layer_norm_before");
    add(rules, own + "text.norm2", text + "layer_norm_after");
    deformable(rules, own + "vision.attn.", vision + "self_attn.");
    add(rules, own + "vision.norm1", vision + "self_attn_layer_norm");
    add(rules, own + "vision.norm2", vision + "final_layer_norm");
    for (var layer : List.of("fc1", "fc2")) {
      add(rules, own + "text.mlp." + layer, text + layer);
      add(rules, own + "vision.mlp." + layer, vision + layer);
    }
  }

  private static void decoder(Map<String, List<String>> rules) {
    String own = "decoder.layers.#.", source = "model.decoder.layers.#.";
    attention(rules, own + "self_attn.", source + "self_attn.");
    add(rules, own + "norm1", source + "self_attn_layer_norm");
    attention(rules, own + "text_attn.", source + "encoder_attn_text.");
    add(rules, own + "norm2", source + "encoder_attn_text_layer_norm");
    deformable(rules, own + "map_attn.", source + "encoder_attn.");
    add(rules, own + "norm3", source + "encoder_attn_layer_norm");
    add(rules, own + "mlp.fc1", source + "fc1");
    add(rules, own + "mlp.fc2", source + "fc2");
    add(rules, own + "norm4", source + "final_layer_norm");
    add(rules, "decoder.norm", "model.decoder.layer_norm");
    perceptron(rules, "decoder.position_head", "model.decoder.reference_points_head", 2);
  }

  private static void attention(Map<String, List<String>> rules, String own, String source) {
    add(rules, own + "q", source + "query");
    add(rules, own + "k", source + "key");
    add(rules, own + "v", source + "value");
    add(rules, own + "proj", source + "out_proj");
  }

  private static void deformable(Map<String, List<String>> rules, String own, String source) {
    add(rules, own + "value", source + "value_proj");
    add(rules, own + "offsets", source + "sampling_offsets");
    add(rules, own + "weights", source + "attention_weights");
    add(rules, own + "proj", source + "output_proj");
  }

  private static void perceptron(Map<String, List<String>> rules, String own, String source, int layers) {
    for (int i = 0; i < layers; i++) add(rules, own + ".fc" + (i + 1), source + ".layers." + i);
  }

  /// What transformers expects of the model and the model does not use, as zeros.
  static Map<String, HuggingFaceForm.Zeros> unused(GroundingDinoConfig config) {
    var zeros = new HashMap<String, HuggingFaceForm.Zeros>();
    var swin = config.backbone();
    if (config.textPositions() == TextPositions.TRANSFORMERS_5)
      for (var ending : List.of("weight", "bias"))
        zeros.put(SWIN + "swin.layernorm." + ending, new HuggingFaceForm.Zeros(DType.F32,
            List.of((long) swin.dim(swin.stages().size() - 1)), "is not used, but transformers expects it"));
    if (config.mm())
      zeros.put("model.encoder_output_class_embed.bias", new HuggingFaceForm.Zeros(DType.F32, List.of(),
          "is the same for all scores, of which the largest are chosen, but transformers expects it"));
    return Map.copyOf(zeros);
  }

  private static Map<String, String> dropped(GroundingDinoConfig config, int bias) {
    var dropped = new HashMap<String, String>();
    dropped.put(SWIN + "encoder.layers.#.blocks.#.attention.self.relative_position_index", "follows from the window size");
    dropped.put("model.text_backbone.embeddings.position_ids", "counts up from 0");
    for (var ending : List.of("weight", "bias")) {
      for (var norm : List.of("swin.layernorm.", "layernorm.")) dropped.put(SWIN + norm + ending, "each map has a norm of its own");
      dropped.put("model.text_backbone.pooler.dense." + ending, "the tokens themselves are read");
      // Files that were not written as safetensors have each shared parameter under all of its names.
      dropped.put("model.decoder.bbox_embed.#.layers.#." + ending, "is bbox_embed's");
      if (config.sharedBoxHead()) dropped.put("bbox_embed.#.layers.#." + ending, "is that of the first layer");
    }
    if (config.mm()) {
      dropped.put("model.encoder_output_class_embed.bias", "is the same for all scores, of which the largest are chosen");
      dropped.put("model.decoder.class_embed.#.bias", "is class_embed's");
      if (config.decoder().depth() > 1) dropped.put("class_embed.#.bias", "only the last layer's scores are results");
    }
    return dropped;
  }
}
