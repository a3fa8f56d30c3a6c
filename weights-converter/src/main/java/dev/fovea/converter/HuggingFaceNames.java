package dev.fovea.converter;

import static dev.fovea.converter.NameMap.all;
import static dev.fovea.converter.NameMap.one;
import static dev.fovea.converter.NameMap.same;
import static dev.fovea.converter.NameRule.conv;
import static dev.fovea.converter.NameRule.depthwise;
import static dev.fovea.converter.NameRule.patches;

import com.google.common.collect.ImmutableMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The tensor names of Hugging Face's checkpoints, and of the original DINOv2.
final class HuggingFaceNames {
  private static final String SEGFORMER_BLOCK = "segformer.encoder.block.#.#.";
  private static final String COUNTS_UP = "counts up from 0";

  private HuggingFaceNames() {}

  /// Hugging Face's `ViTForImageClassification` (ref: transformers, `models/vit/modeling_vit.py`).
  static final NameMap VIT = new NameMap(Map.ofEntries(
      one("cls_token", "vit.embeddings.cls_token<1 1 *>"),
      one("pos_embed", "vit.embeddings.position_embeddings<1 N K>"),
      one("patch_embed.proj", patches("vit.embeddings.patch_embeddings.projection", "patch_size")),
      one("blocks.#.norm1", "vit.encoder.layer.#.layernorm_before"),
      Map.entry("blocks.#.attn.qkv", List.of(
          "vit.encoder.layer.#.attention.attention.query",
          "vit.encoder.layer.#.attention.attention.key",
          "vit.encoder.layer.#.attention.attention.value")),
      one("blocks.#.attn.proj", "vit.encoder.layer.#.attention.output.dense"),
      one("blocks.#.norm2", "vit.encoder.layer.#.layernorm_after"),
      one("blocks.#.mlp.fc1", "vit.encoder.layer.#.intermediate.dense"),
      one("blocks.#.mlp.fc2", "vit.encoder.layer.#.output.dense"),
      one("norm", "vit.layernorm"),
      one("head", "classifier")),
      Map.of("vit.pooler.dense.weight", "the classification head reads the class token itself",
          "vit.pooler.dense.bias", "the classification head reads the class token itself",
          "vit.embeddings.mask_token", "used in pre-training only"));

  /// The original repository's DINOv2 (ref: dinov2, `models/vision_transformer.py`, `layers/swiglu_ffn.py`).
  static final NameMap ORIGINAL_DINOV2 = new NameMap(all(
      same("cls_token", "register_tokens", "pos_embed", "patch_embed.proj", "blocks.#.norm1", "blocks.#.attn.qkv",
          "blocks.#.attn.proj", "blocks.#.ls1.gamma", "blocks.#.norm2", "blocks.#.mlp.fc1", "blocks.#.mlp.fc2", "blocks.#.mlp.w3",
          "blocks.#.ls2.gamma", "norm"),
      Map.ofEntries(
          one("blocks.#.mlp.w1", "blocks.#.mlp.w12[0/2]"),
          one("blocks.#.mlp.w2", "blocks.#.mlp.w12[1/2]"))),
      Map.of("mask_token", "used in pre-training only"));

  /// Hugging Face's `Dinov2Model` and `Dinov2ForImageClassification`, with and without registers (ref: transformers,
  /// `models/dinov2/modeling_dinov2.py`, `models/dinov2_with_registers/modeling_dinov2_with_registers.py`).
  ///
  /// @param prefix of all names but the classifier's
  static NameMap dinov2(String prefix) {
    var layer = prefix + "encoder.layer.#.";
    return new NameMap(Map.ofEntries(
        one("cls_token", prefix + "embeddings.cls_token<1 1 *>"),
        one("register_tokens", prefix + "embeddings.register_tokens<1 N K>"),
        one("pos_embed", prefix + "embeddings.position_embeddings<1 N K>"),
        one("patch_embed.proj", patches(prefix + "embeddings.patch_embeddings.projection", "patch_size")),
        one("blocks.#.norm1", layer + "norm1"),
        Map.entry("blocks.#.attn.qkv", List.of(
            layer + "attention.attention.query",
            layer + "attention.attention.key",
            layer + "attention.attention.value")),
        one("blocks.#.attn.proj", layer + "attention.output.dense"),
        one("blocks.#.ls1.gamma", layer + "layer_scale1.lambda1"),
        one("blocks.#.norm2", layer + "norm2"),
        one("blocks.#.mlp.fc1", layer + "mlp.fc1"),
        one("blocks.#.mlp.fc2", layer + "mlp.fc2"),
        one("blocks.#.mlp.w1", layer + "mlp.weights_in[0/2]"),
        one("blocks.#.mlp.w2", layer + "mlp.weights_in[1/2]"),
        one("blocks.#.mlp.w3", layer + "mlp.weights_out"),
        one("blocks.#.ls2.gamma", layer + "layer_scale2.lambda1"),
        one("norm", prefix + "layernorm"),
        one("head", "classifier")),
        Map.of(prefix + "embeddings.mask_token", "used in pre-training only"));
  }

  /// Hugging Face's `CLIPModel` (ref: transformers, `models/clip/modeling_clip.py`).
  static final NameMap CLIP = new NameMap(all(
      tower("visual.", "vision_model."), tower("text.", "text_model."),
      Map.ofEntries(
          one("visual.cls_token", "vision_model.embeddings.class_embedding<*>"),
          one("visual.pos_embed", "vision_model.embeddings.position_embedding.weight"),
          one("visual.patch_embed.proj", patches("vision_model.embeddings.patch_embedding", "vision_config.patch_size")),
          one("visual.norm_pre", "vision_model.pre_layrnorm"),
          one("visual.norm", "vision_model.post_layernorm"),
          one("visual.proj", "visual_projection"),
          one("text.token_embed", "text_model.embeddings.token_embedding"),
          one("text.pos_embed", "text_model.embeddings.position_embedding.weight"),
          one("text.norm", "text_model.final_layer_norm"),
          one("text.proj", "text_projection"),
          one("logit_scale", "logit_scale<>"))),
      Map.of("vision_model.embeddings.position_ids", COUNTS_UP, "text_model.embeddings.position_ids", COUNTS_UP));

  /// Hugging Face's `SiglipModel` and `SiglipVisionModel` (ref: transformers, `models/siglip/modeling_siglip.py`).
  static final NameMap SIGLIP = new NameMap(all(
      tower("visual.", "vision_model."), tower("text.", "text_model."),
      Map.ofEntries(
          one("visual.pos_embed", "vision_model.embeddings.position_embedding.weight"),
          one("visual.patch_embed.proj", patches("vision_model.embeddings.patch_embedding", "vision_config.patch_size")),
          one("visual.norm", "vision_model.post_layernorm"),
          one("visual.attn_pool.latent", "vision_model.head.probe<1 1 *>"),
          one("visual.attn_pool.q", "vision_model.head.attention.in_proj_{weight|bias}[0/3]"),
          Map.entry("visual.attn_pool.kv", List.of(
              "vision_model.head.attention.in_proj_{weight|bias}[1/3]",
              "vision_model.head.attention.in_proj_{weight|bias}[2/3]")),
          one("visual.attn_pool.proj", "vision_model.head.attention.out_proj"),
          one("visual.attn_pool.norm", "vision_model.head.layernorm"),
          one("visual.attn_pool.mlp.fc1", "vision_model.head.mlp.fc1"),
          one("visual.attn_pool.mlp.fc2", "vision_model.head.mlp.fc2"),
          one("text.token_embed", "text_model.embeddings.token_embedding"),
          one("text.pos_embed", "text_model.embeddings.position_embedding.weight"),
          one("text.norm", "text_model.final_layer_norm"),
          one("text.head", "text_model.head"),
          one("logit_scale", "logit_scale"),
          one("logit_bias", "logit_bias"))),
      Map.of("vision_model.embeddings.position_ids", COUNTS_UP, "text_model.embeddings.position_ids", COUNTS_UP));

  /// The blocks of CLIP's and SigLIP's encoders.
  static Map<String, List<String>> tower(String name, String source) {
    var layer = source + "encoder.layers.#.";
    return Map.ofEntries(
        one(name + "blocks.#.norm1", layer + "layer_norm1"),
        Map.entry(name + "blocks.#.attn.qkv",
            List.of(layer + "self_attn.q_proj", layer + "self_attn.k_proj", layer + "self_attn.v_proj")),
        one(name + "blocks.#.attn.proj", layer + "self_attn.out_proj"),
        one(name + "blocks.#.norm2", layer + "layer_norm2"),
        one(name + "blocks.#.mlp.fc1", layer + "mlp.fc1"),
        one(name + "blocks.#.mlp.fc2", layer + "mlp.fc2"));
  }

  /// Hugging Face's `BertModel` and `BertForSequenceClassification` (ref: transformers, `models/bert/modeling_bert.py`).
  ///
  /// @param prefix of all names but the classifier's
  /// @param norms endings of the norms' names: checkpoints converted from TensorFlow have others
  static NameMap bert(String prefix, String norms) {
    var layer = prefix + "encoder.layer.#.";
    return new NameMap(Map.ofEntries(
        one("token_embed", prefix + "embeddings.word_embeddings"),
        one("pos_embed", prefix + "embeddings.position_embeddings.weight"),
        one("type_embed", prefix + "embeddings.token_type_embeddings"),
        one("embed_norm", prefix + "embeddings.LayerNorm." + norms),
        Map.entry("blocks.#.attn.qkv", List.of(
            layer + "attention.self.query",
            layer + "attention.self.key",
            layer + "attention.self.value")),
        one("blocks.#.attn.proj", layer + "attention.output.dense"),
        one("blocks.#.norm1", layer + "attention.output.LayerNorm." + norms),
        one("blocks.#.mlp.fc1", layer + "intermediate.dense"),
        one("blocks.#.mlp.fc2", layer + "output.dense"),
        one("blocks.#.norm2", layer + "output.LayerNorm." + norms),
        one("pooler", prefix + "pooler.dense"),
        one("head", "classifier")),
        Map.ofEntries(
            Map.entry(prefix + "embeddings.position_ids", COUNTS_UP),
            preTraining("cls.predictions.bias"),
            preTraining("cls.predictions.transform.dense.weight"),
            preTraining("cls.predictions.transform.dense.bias"),
            preTraining("cls.predictions.transform.LayerNorm.weight"),
            preTraining("cls.predictions.transform.LayerNorm.bias"),
            preTraining("cls.predictions.transform.LayerNorm.gamma"),
            preTraining("cls.predictions.transform.LayerNorm.beta"),
            preTraining("cls.predictions.decoder.weight"),
            preTraining("cls.predictions.decoder.bias"),
            preTraining("cls.seq_relationship.weight"),
            preTraining("cls.seq_relationship.bias")));
  }

  /// Hugging Face's `DistilBertModel` (ref: transformers, `models/distilbert/modeling_distilbert.py`).
  ///
  /// @param prefix of all names
  static NameMap distilBert(String prefix) {
    var layer = prefix + "transformer.layer.#.";
    return new NameMap(Map.ofEntries(
        one("token_embed", prefix + "embeddings.word_embeddings"),
        one("pos_embed", prefix + "embeddings.position_embeddings.weight"),
        one("embed_norm", prefix + "embeddings.LayerNorm"),
        Map.entry("blocks.#.attn.qkv",
            List.of(layer + "attention.q_lin", layer + "attention.k_lin", layer + "attention.v_lin")),
        one("blocks.#.attn.proj", layer + "attention.out_lin"),
        one("blocks.#.norm1", layer + "sa_layer_norm"),
        one("blocks.#.mlp.fc1", layer + "ffn.lin1"),
        one("blocks.#.mlp.fc2", layer + "ffn.lin2"),
        one("blocks.#.norm2", layer + "output_layer_norm")),
        Map.ofEntries(
            Map.entry(prefix + "embeddings.position_ids", COUNTS_UP),
            preTraining("vocab_transform.weight"),
            preTraining("vocab_transform.bias"),
            preTraining("vocab_layer_norm.weight"),
            preTraining("vocab_layer_norm.bias"),
            preTraining("vocab_projector.weight"),
            preTraining("vocab_projector.bias")));
  }

  /// Hugging Face's `RobertaModel`, `XLMRobertaModel` and their `ForSequenceClassification` (ref: transformers,
  /// `models/roberta/modeling_roberta.py`): BERT's names, but for the head.
  ///
  /// @param prefix of all names but the classifier's
  /// @param first the position of the first token
  /// @param classifier whether there is one
  static NameMap roberta(String prefix, int first, boolean classifier) {
    var bert = bert(prefix, "{weight|bias}");
    var rules = new HashMap<>(bert.rules());
    rules.put("pos_embed", List.of(prefix + "embeddings.position_embeddings.weight[" + first + ":]"));
    rules.put("head", List.of("classifier.out_proj"));
    if (classifier) rules.put("pooler", List.of("classifier.dense"));
    var dropped = new HashMap<>(bert.dropped());
    for (var name : List.of("lm_head.bias", "lm_head.dense.weight", "lm_head.dense.bias", "lm_head.layer_norm.weight",
        "lm_head.layer_norm.bias", "lm_head.decoder.weight", "lm_head.decoder.bias")) {
      var entry = preTraining(name);
      dropped.put(entry.getKey(), entry.getValue());
    }
    return new NameMap(Map.copyOf(rules), Map.copyOf(dropped));
  }

  /// Hugging Face's `LlamaForCausalLM` and `Qwen2ForCausalLM` (ref: transformers, `models/llama/modeling_llama.py`,
  /// `models/qwen2/modeling_qwen2.py`).
  ///
  /// @param tied whether the head's weight is the embedding's
  static NameMap llama(boolean tied) {
    var frequencies = Map.of("model.rotary_emb.inv_freq", "follows from the config",
        "model.layers.#.self_attn.rotary_emb.inv_freq", "follows from the config");
    var head = Map.of("lm_head.weight", "is the embedding's, to which the config ties the head");
    return new NameMap(decoder("", "model.", "lm_head"), tied ? ImmutableMap.<String, String>builder().putAll(frequencies)
        .putAll(head).build() : frequencies);
  }

  /// A decoder of the Llama family, alone or as a part of a model.
  ///
  /// @param name of the part, with a dot at its end, or empty
  /// @param source prefix of the published names
  /// @param head the head's published name
  static Map<String, List<String>> decoder(String name, String source, String head) {
    var layer = source + "layers.#.";
    return Map.ofEntries(
        one(name + "token_embed", source + "embed_tokens"),
        one(name + "blocks.#.norm1", layer + "input_layernorm"),
        one(name + "blocks.#.attn.q", layer + "self_attn.q_proj"),
        Map.entry(name + "blocks.#.attn.kv", List.of(layer + "self_attn.k_proj", layer + "self_attn.v_proj")),
        one(name + "blocks.#.attn.proj", layer + "self_attn.o_proj"),
        one(name + "blocks.#.norm2", layer + "post_attention_layernorm"),
        one(name + "blocks.#.mlp.w1", layer + "mlp.gate_proj"),
        one(name + "blocks.#.mlp.w2", layer + "mlp.up_proj"),
        one(name + "blocks.#.mlp.w3", layer + "mlp.down_proj"),
        one(name + "norm", source + "norm"),
        one(name + "head", head));
  }

  /// Hugging Face's `SegformerForSemanticSegmentation` (ref: transformers, `models/segformer/modeling_segformer.py`).
  static final NameMap SEGFORMER = new NameMap(Map.ofEntries(
      // The first patches are cut from the picture's planes, where the engine's order is PyTorch's.
      one("stages.0.patch_embed.proj", patches("segformer.encoder.patch_embeddings.0.proj", "patch_sizes.0")),
      one("stages.#.patch_embed.proj", conv("segformer.encoder.patch_embeddings.#.proj", "patch_sizes.#")),
      one("stages.#.patch_embed.norm", "segformer.encoder.patch_embeddings.#.layer_norm"),
      one("stages.#.blocks.#.norm1", SEGFORMER_BLOCK + "layer_norm_1"),
      one("stages.#.blocks.#.attn.q", SEGFORMER_BLOCK + "attention.self.query"),
      Map.entry("stages.#.blocks.#.attn.kv",
          List.of(SEGFORMER_BLOCK + "attention.self.key", SEGFORMER_BLOCK + "attention.self.value")),
      one("stages.#.blocks.#.attn.sr", conv(SEGFORMER_BLOCK + "attention.self.sr", "sr_ratios.#")),
      one("stages.#.blocks.#.attn.norm", SEGFORMER_BLOCK + "attention.self.layer_norm"),
      one("stages.#.blocks.#.attn.proj", SEGFORMER_BLOCK + "attention.output.dense"),
      one("stages.#.blocks.#.norm2", SEGFORMER_BLOCK + "layer_norm_2"),
      one("stages.#.blocks.#.mlp.fc1", SEGFORMER_BLOCK + "mlp.dense1"),
      one("stages.#.blocks.#.mlp.dwconv", depthwise(SEGFORMER_BLOCK + "mlp.dwconv.dwconv")),
      one("stages.#.blocks.#.mlp.fc2", SEGFORMER_BLOCK + "mlp.dense2"),
      one("stages.#.norm", "segformer.encoder.layer_norm.#"),
      one("head.linear_c.#", "decode_head.linear_c.#.proj"),
      one("head.linear_fuse", "decode_head.linear_fuse<N K 1 1> ~ decode_head.batch_norm"),
      one("head.linear_pred", "decode_head.classifier<N K 1 1>")),
      Map.of("decode_head.batch_norm.num_batches_tracked", "counts training's steps"));

  private static Map.Entry<String, String> preTraining(String name) {
    return Map.entry(name, "used in pre-training only");
  }
}
