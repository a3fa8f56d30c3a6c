package dev.fovea.converter;

import static dev.fovea.converter.NameRule.conv;
import static dev.fovea.converter.NameRule.convTranspose;
import static dev.fovea.converter.NameRule.patches;

import dev.fovea.converter.source.Source;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// The published names of Segment Anything's parameters.
final class SamNames {
  private SamNames() {}

  /// Hugging Face's `SamModel` (ref: transformers, `models/sam/modeling_sam.py`).
  static final NameMap HUGGING_FACE = huggingFace();

  /// The original repository's (ref: segment_anything, `modeling/`).
  static final NameMap FACEBOOK = facebook();

  /// The names in a checkpoint; null for other models.
  static @Nullable NameMap of(Source checkpoint) {
    return checkpoint.tensors().containsKey("image_encoder.pos_embed") ? FACEBOOK
        : checkpoint.tensors().containsKey("vision_encoder.pos_embed") ? HUGGING_FACE : null;
  }

  private static NameMap huggingFace() {
    var rules = new Rules();
    rules.add("image_encoder.patch_embed.proj", patches("vision_encoder.patch_embed.projection", "vision_config.patch_size"));
    rules.add("image_encoder.pos_embed", "vision_encoder.pos_embed<1 N * K>");
    imageEncoder(rules, "vision_encoder.layers.#.", "layer_norm1", "layer_norm2");
    rules.add("image_encoder.neck.conv1", conv("vision_encoder.neck.conv1", "1"));
    rules.add("image_encoder.neck.norm1", "vision_encoder.neck.layer_norm1");
    rules.add("image_encoder.neck.conv2", conv("vision_encoder.neck.conv2", "3"));
    rules.add("image_encoder.neck.norm2", "vision_encoder.neck.layer_norm2");
    rules.add("prompt_encoder.positions", "shared_image_embedding.positional_embedding");
    points(rules, "prompt_encoder.point_embed.");
    maskEmbedding(rules, "prompt_encoder.mask_embed.", "conv1", "layer_norm1", "conv2", "layer_norm2", "conv3");
    layers(rules, "mask_decoder.transformer.layers.#.", "layer_norm");
    attention(rules, "mask_decoder.final_attn", "mask_decoder.transformer.final_attn_token_to_image");
    rules.add("mask_decoder.final_norm", "mask_decoder.transformer.layer_norm_final_attn");
    rules.add("mask_decoder.upscale1", convTranspose("mask_decoder.upscale_conv1"));
    rules.add("mask_decoder.upscale_norm", "mask_decoder.upscale_layer_norm");
    rules.add("mask_decoder.upscale2", convTranspose("mask_decoder.upscale_conv2"));
    head(rules, "mask_decoder.hypernetworks.#.", "mask_decoder.output_hypernetworks_mlps.#.", "proj_in", "layers.0", "proj_out");
    head(rules, "mask_decoder.iou_head.", "mask_decoder.iou_prediction_head.", "proj_in", "layers.0", "proj_out");
    return new NameMap(rules.byName, Map.of("prompt_encoder.shared_embedding.positional_embedding",
        "the same as shared_image_embedding's"));
  }

  private static NameMap facebook() {
    var rules = new Rules();
    rules.add("image_encoder.patch_embed.proj", "image_encoder.patch_embed.proj");
    rules.add("image_encoder.pos_embed", "image_encoder.pos_embed");
    imageEncoder(rules, "image_encoder.blocks.#.", "norm1", "norm2");
    rules.add("image_encoder.neck.conv1", conv("image_encoder.neck.0"));
    rules.add("image_encoder.neck.norm1", "image_encoder.neck.1");
    rules.add("image_encoder.neck.conv2", conv("image_encoder.neck.2"));
    rules.add("image_encoder.neck.norm2", "image_encoder.neck.3");
    rules.add("prompt_encoder.positions", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix");
    points(rules, "prompt_encoder.point_embeddings.");
    maskEmbedding(rules, "prompt_encoder.mask_downscaling.", "0", "1", "3", "4", "6");
    layers(rules, "mask_decoder.transformer.layers.#.", "norm");
    attention(rules, "mask_decoder.final_attn", "mask_decoder.transformer.final_attn_token_to_image");
    rules.add("mask_decoder.final_norm", "mask_decoder.transformer.norm_final_attn");
    rules.add("mask_decoder.upscale1", convTranspose("mask_decoder.output_upscaling.0"));
    rules.add("mask_decoder.upscale_norm", "mask_decoder.output_upscaling.1");
    rules.add("mask_decoder.upscale2", convTranspose("mask_decoder.output_upscaling.3"));
    head(rules, "mask_decoder.hypernetworks.#.", "mask_decoder.output_hypernetworks_mlps.#.", "layers.0", "layers.1", "layers.2");
    head(rules, "mask_decoder.iou_head.", "mask_decoder.iou_prediction_head.", "layers.0", "layers.1", "layers.2");
    return new NameMap(rules.byName, Map.of());
  }

  private static void imageEncoder(Rules rules, String layer, String norm1, String norm2) {
    var block = "image_encoder.blocks.#.";
    rules.add(block + "norm1", layer + norm1);
    for (var same : new String[] {"attn.qkv", "attn.proj", "attn.rel_pos_h", "attn.rel_pos_w"}) rules.add(block + same, layer
        + same);
    rules.add(block + "norm2", layer + norm2);
    rules.add(block + "mlp.fc1", layer + "mlp.lin1");
    rules.add(block + "mlp.fc2", layer + "mlp.lin2");
  }

  private static void points(Rules rules, String points) {
    rules.add("prompt_encoder.point_embed", points + "0", points + "1");
    rules.add("prompt_encoder.corner_embed", points + "2.weight", points + "3.weight");
    rules.add("prompt_encoder.no_point_embed", "prompt_encoder.not_a_point_embed.weight");
    rules.add("prompt_encoder.no_mask_embed", "prompt_encoder.no_mask_embed.weight<1 *>");
    rules.add("mask_decoder.iou_token", "mask_decoder.iou_token.weight");
    rules.add("mask_decoder.mask_tokens", "mask_decoder.mask_tokens.weight");
  }

  private static void maskEmbedding(Rules rules, String source, String conv1, String norm1, String conv2, String norm2,
      String conv3) {
    var name = "prompt_encoder.mask_embed.";
    rules.add(name + "conv1", conv(source + conv1, "2"));
    rules.add(name + "norm1", source + norm1);
    rules.add(name + "conv2", conv(source + conv2, "2"));
    rules.add(name + "norm2", source + norm2);
    rules.add(name + "conv3", conv(source + conv3, "1"));
  }

  private static void layers(Rules rules, String source, String norm) {
    var name = "mask_decoder.layers.#.";
    attention(rules, name + "self_attn", source + "self_attn");
    attention(rules, name + "token_to_image", source + "cross_attn_token_to_image");
    attention(rules, name + "image_to_token", source + "cross_attn_image_to_token");
    for (int i = 1; i <= 4; i++) rules.add(name + "norm" + i, source + norm + i);
    rules.add(name + "mlp.fc1", source + "mlp.lin1");
    rules.add(name + "mlp.fc2", source + "mlp.lin2");
  }

  private static void attention(Rules rules, String name, String source) {
    for (var part : new String[] {"q", "k", "v"}) rules.add(name + "." + part, source + "." + part + "_proj");
    rules.add(name + ".proj", source + ".out_proj");
  }

  private static void head(Rules rules, String name, String source, String... layers) {
    for (int i = 0; i < layers.length; i++) rules.add(name + "fc" + (i + 1), source + layers[i]);
  }
}
