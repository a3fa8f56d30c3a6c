package dev.fovea.converter;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/// Where Fovea's parameters come from in a published checkpoint. `#` stands for a number, the same on both sides; several
/// sources are put one below the other, and `name[i/n]` is part `i` of a source whose rows are cut into `n` equal parts.
///
/// @param rules source names by Fovea's name, both without `.weight` and `.bias`
/// @param dropped source names that an encoder with this head does not use, with the reason
record NameMap(Map<String, List<String>> rules, Map<String, String> dropped) {
  private static final Pattern NUMBER = Pattern.compile("\\.(\\d+)\\.");
  private static final Pattern SUFFIX = Pattern.compile("\\.(weight|bias)$");
  private static final Pattern PART = Pattern.compile("(.*)\\[(\\d+)/(\\d+)]");

  /// A tensor of the published checkpoint, or part `index` of `count` equal parts of its rows.
  record Source(String name, int index, int count) {}

  /// Hugging Face's `ViTForImageClassification` (ref: transformers, `models/vit/modeling_vit.py`).
  static final NameMap HUGGING_FACE_VIT = new NameMap(Map.ofEntries(
      one("cls_token", "vit.embeddings.cls_token"),
      one("pos_embed", "vit.embeddings.position_embeddings"),
      one("patch_embed.proj", "vit.embeddings.patch_embeddings.projection"),
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

  /// Hugging Face's `Dinov2Model` and `Dinov2ForImageClassification`, with and without registers (ref: transformers,
  /// `models/dinov2/modeling_dinov2.py`, `models/dinov2_with_registers/modeling_dinov2_with_registers.py`).
  ///
  /// @param prefix of all names but the classifier's
  static NameMap huggingFaceDinov2(String prefix) {
    var layer = prefix + "encoder.layer.#.";
    return new NameMap(Map.ofEntries(
        one("cls_token", prefix + "embeddings.cls_token"),
        one("register_tokens", prefix + "embeddings.register_tokens"),
        one("pos_embed", prefix + "embeddings.position_embeddings"),
        one("patch_embed.proj", prefix + "embeddings.patch_embeddings.projection"),
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

  private static Map.Entry<String, List<String>> one(String name, String source) {
    return Map.entry(name, List.of(source));
  }

  /// The sources of a parameter of Fovea's.
  ///
  /// @throws IllegalStateException if no rule knows it
  List<Source> sources(String name) {
    var suffix = SUFFIX.matcher(name);
    var ending = suffix.find() ? suffix.group() : "";
    var stem = name.substring(0, name.length() - ending.length());
    var number = NUMBER.matcher(stem);
    var index = number.find() ? number.group(1) : "";
    var sources = rules.get(number.reset().replaceFirst(".#."));
    if (sources == null) throw new IllegalStateException("no rule for '" + name + "'");
    return sources.stream().map(source -> source(source.replace("#", index), ending)).toList();
  }

  private static Source source(String rule, String ending) {
    var part = PART.matcher(rule);
    return part.matches() ? new Source(part.group(1) + ending, Integer.parseInt(part.group(2)), Integer.parseInt(part.group(3)))
        : new Source(rule + ending, 0, 1);
  }
}
