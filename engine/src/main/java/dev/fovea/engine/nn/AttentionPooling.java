package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import java.util.Objects;

/// Pools tokens into one: a learned query attends to all of them (Zhai et al., "Scaling Vision Transformers", 2022; ref: timm
/// `layers/attention_pool.py`, `AttentionPoolLatent`; transformers `SiglipMultiheadAttentionPoolingHead`).
///
/// @param latent `[1, C]`, the query
public record AttentionPooling(Tensor latent, CrossAttention attn, LayerNorm norm, Mlp mlp) {
  public AttentionPooling {
    Objects.requireNonNull(latent, "latent");
    Objects.requireNonNull(attn, "attn");
    Objects.requireNonNull(norm, "norm");
    Objects.requireNonNull(mlp, "mlp");
  }

  /// `[B, N, C]` → `[B, C]`.
  ///
  /// @param site destination of the map `[B, H, 1, N]`, if requested
  public Tensor forward(Tensor x, Probe.Site site) {
    int batch = x.dim(0), channels = x.dim(2);
    var asking = x.allocate(batch, 1, channels);
    asking.set(latent.expand(batch));
    var pooled = attn.forward(asking, x, site);                                           // [B, 1, C]
    return mlp.addedTo(pooled, norm.forward(pooled)).reshape(batch, channels);
  }
}
