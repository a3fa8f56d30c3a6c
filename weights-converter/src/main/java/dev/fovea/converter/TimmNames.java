package dev.fovea.converter;

import static dev.fovea.converter.NameMap.all;
import static dev.fovea.converter.NameMap.one;
import static dev.fovea.converter.NameMap.same;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The names of timm's checkpoints, which are mostly Fovea's own (ref: timm, `models/vision_transformer.py`,
/// `layers/attention_pool.py`, `layers/mlp.py`).
final class TimmNames {
  private TimmNames() {}

  /// ViTs with a classification head, also those made from CLIP's image encoders.
  static final NameMap VIT = new NameMap(all(blocks(""),
      same("cls_token", "pos_embed", "patch_embed.proj", "norm_pre", "norm", "head")), Map.of());

  /// DINOv2. With registers, timm adds the class token's position to the token and stores only the patches' positions.
  ///
  /// @param classPosition whether the class token has a position of its own
  static NameMap dinov2(boolean classPosition) {
    return new NameMap(all(blocks(""), same("cls_token", "patch_embed.proj", "blocks.#.ls1.gamma", "blocks.#.ls2.gamma", "norm"),
        Map.ofEntries(
            one("register_tokens", "reg_token"),
            one("pos_embed", classPosition ? "pos_embed" : "0, pos_embed"),
            one("blocks.#.mlp.w1", "blocks.#.mlp.fc1[0/2]"),
            one("blocks.#.mlp.w2", "blocks.#.mlp.fc1[1/2]"),
            one("blocks.#.mlp.w3", "blocks.#.mlp.fc2"))),
        Map.of());
  }

  /// CLIP's image encoder, whose projection timm calls a head.
  static final NameMap CLIP = new NameMap(all(blocks("visual."),
      visual("cls_token", "pos_embed", "patch_embed.proj", "norm_pre", "norm"),
      Map.ofEntries(one("visual.proj", "head"))),
      Map.of("head.bias", "zeros, for the projection has none"));

  /// SigLIP's image encoder.
  static final NameMap SIGLIP = new NameMap(all(blocks("visual."), visual("pos_embed", "patch_embed.proj", "norm",
      "attn_pool.latent", "attn_pool.q", "attn_pool.kv", "attn_pool.proj", "attn_pool.norm", "attn_pool.mlp.fc1",
      "attn_pool.mlp.fc2")), Map.of());

  private static Map<String, List<String>> blocks(String scope) {
    return scoped(scope, "blocks.#.norm1", "blocks.#.attn.qkv", "blocks.#.attn.proj", "blocks.#.norm2", "blocks.#.mlp.fc1",
        "blocks.#.mlp.fc2");
  }

  private static Map<String, List<String>> visual(String... names) {
    return scoped("visual.", names);
  }

  /// Names that have no scope in timm.
  private static Map<String, List<String>> scoped(String scope, String... names) {
    var scoped = new HashMap<String, List<String>>();
    for (var name : names) scoped.put(scope + name, List.of(name));
    return scoped;
  }
}
