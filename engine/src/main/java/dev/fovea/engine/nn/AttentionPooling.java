package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;

/// Makes one token of many: a learned one asks all of them (Zhai et al., "Scaling Vision Transformers", 2022; ref: timm
/// `layers/attention_pool.py`, `AttentionPoolLatent`; transformers `SiglipMultiheadAttentionPoolingHead`).
///
/// @param latent `[1, C]`, the token that asks
public record AttentionPooling(Tensor latent, CrossAttention attn, LayerNorm norm, Mlp mlp) {
  /// `[B, N, C]` → `[B, C]`.
  public Tensor forward(Tensor x) {
    int batch = x.dim(0), channels = x.dim(2);
    var asking = x.allocate(batch, 1, channels);
    asking.set(latent.expand(batch));
    var pooled = attn.forward(asking, x);                                             // [B, 1, C]
    return pooled.plus(mlp.forward(norm.forward(pooled))).reshape(batch, channels);
  }
}
