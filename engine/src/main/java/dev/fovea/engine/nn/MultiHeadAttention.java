package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import java.util.Objects;

/// Multi-head self-attention (Vaswani et al., "Attention Is All You Need", 2017); one product projects queries, keys and values.
///
/// Shapes: B batch, N tokens, C channels, H heads, D = C / H.
///
/// @param qkv `C → 3 C`: all queries, then all keys, then all values
/// @param proj `C → C`
public record MultiHeadAttention(Linear qkv, Linear proj, int numHeads) {
  /// @throws IllegalArgumentException if the channels are not a multiple of the heads
  public MultiHeadAttention {
    Objects.requireNonNull(qkv, "qkv");
    Attention.check(proj.weight().k(), numHeads);
  }

  /// `[B, N, C]` → `[B, N, C]`, without a mask.
  public Tensor forward(Tensor x) {
    return forward(x, AttentionMask.NONE, Probe.Site.NOWHERE);
  }

  /// `[B, N, C]` → `[B, N, C]`.
  ///
  /// @param mask tokens visible to each token
  /// @param site destination of the map `[B, H, N, N]`, if requested
  public Tensor forward(Tensor x, AttentionMask mask, Probe.Site site) {
    int batch = x.dim(0), tokens = x.dim(1), depth = x.dim(2) / numHeads;
    var heads = qkv.forward(x).reshape(batch, tokens, 3, numHeads, depth).transposed(1, 3);           // [B, H, 3, N, D]
    return proj.forward(Attention.attend(heads.select(2, 0), heads.select(2, 1), heads.select(2, 2), mask, site));
  }
}
