package dev.fovea.converter;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/// Where Fovea's parameters come from in a published checkpoint. `#` stands for a number, the same on both sides; several
/// sources are put one below the other.
///
/// @param rules source names by Fovea's name, both without `.weight` and `.bias`
/// @param dropped source names that an encoder with this head does not use, with the reason
record NameMap(Map<String, List<String>> rules, Map<String, String> dropped) {
  private static final Pattern NUMBER = Pattern.compile("\\.(\\d+)\\.");
  private static final Pattern SUFFIX = Pattern.compile("\\.(weight|bias)$");

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

  private static Map.Entry<String, List<String>> one(String name, String source) {
    return Map.entry(name, List.of(source));
  }

  /// The source names of a parameter of Fovea's.
  ///
  /// @throws IllegalStateException if no rule knows it
  List<String> sources(String name) {
    var suffix = SUFFIX.matcher(name);
    var ending = suffix.find() ? suffix.group() : "";
    var stem = name.substring(0, name.length() - ending.length());
    var number = NUMBER.matcher(stem);
    var index = number.find() ? number.group(1) : "";
    var sources = rules.get(number.reset().replaceFirst(".#."));
    if (sources == null) throw new IllegalStateException("no rule for '" + name + "'");
    return sources.stream().map(source -> source.replace("#", index) + ending).toList();
  }
}
