package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import java.util.List;
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
    return proj.forward(attend(x, mask, site));
  }

  /// `residual + forward(x, mask, site)`: the last product adds the residual to its sums. Both `[B, N, C]` → `[B, N, C]`.
  public Tensor addedTo(Tensor residual, Tensor x, AttentionMask mask, Probe.Site site) {
    return proj.forward(attend(x, mask, site), residual);
  }

  /// Sequences of several lengths in one matrix, without padding: `[1, T, C]` → `[1, T, C]`. Each sequence sees itself only.
  ///
  /// @param sequences tensors `[B, N, …]` of `B` sequences of one length each; together they have `T` tokens
  public Tensor forward(Tensor x, List<Tensor> sequences) {
    return proj.forward(attend(x, sequences));
  }

  /// `residual + forward(x, sequences)`: the last product adds the residual to its sums. Both `[1, T, C]` → `[1, T, C]`.
  public Tensor addedTo(Tensor residual, Tensor x, List<Tensor> sequences) {
    return proj.forward(attend(x, sequences), residual);
  }

  private Tensor attend(Tensor x, List<Tensor> sequences) {
    Objects.requireNonNull(sequences, "sequences");
    int channels = x.dim(2), at = 0;
    var projected = qkv.forward(x);
    var parts = new Tensor[sequences.size()];
    for (int i = 0; i < parts.length; i++) {
      int batch = sequences.get(i).dim(0), tokens = sequences.get(i).dim(1), end = at + batch * tokens;
      parts[i] = attend(projected.slice(1, at, end), batch, tokens, AttentionMask.NONE, Probe.Site.NOWHERE)
          .reshape(1, batch * tokens, channels);
      at = end;
    }
    return parts.length == 1 ? parts[0] : Tensor.concat(1, parts);
  }

  private Tensor attend(Tensor x, AttentionMask mask, Probe.Site site) {
    return attend(qkv.forward(x), x.dim(0), x.dim(1), mask, site);
  }

  private Tensor attend(Tensor projected, int batch, int tokens, AttentionMask mask, Probe.Site site) {
    int depth = projected.dim(-1) / 3 / numHeads;
    var heads = projected.reshape(batch, tokens, 3, numHeads, depth).transposed(1, 3);                // [B, H, 3, N, D]
    return Attention.attend(heads.select(2, 0), heads.select(2, 1), heads.select(2, 2), mask, site);
  }
}
