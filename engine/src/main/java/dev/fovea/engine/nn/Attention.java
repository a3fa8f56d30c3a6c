package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Operation;

/// Multi-head attention (Vaswani et al., "Attention Is All You Need", 2017), used by all attention layers, which differ only in the
/// source of queries, keys and values.
public final class Attention {
  private Attention() {}

  /// `softmax(q · kᵀ / √D + mask) · v` for each head, with the heads' results concatenated.
  ///
  /// @param q `[B, H, M, D]`; the last dimension of `q`, `k` and `v` must be contiguous
  /// @param k `[B, H, N, D]`
  /// @param v `[B, H, N, D]`
  /// @param mask keys visible to each query, and terms added to the scores
  /// @param site destination of the attention map, if requested
  /// @return `[B, M, H · D]`
  public static Tensor attend(Tensor q, Tensor k, Tensor v, AttentionMask mask, Probe.Site site) {
    int batch = q.dim(0), heads = q.dim(1), queries = q.dim(2), depth = q.dim(3);
    float scale = (float) (1 / Math.sqrt(depth));
    var out = q.allocate(batch, queries, heads * depth);
    q.run(new Operation.Attention(q.matrices(), k.matrices(), v.matrices(), mask, heads(out, heads).matrices(), scale));
    site.see(q, k, mask, scale);
    site.see(q, k, v);
    return out;
  }

  /// Channels split into heads: `[B, N, H · D]` → a view `[B, H, N, D]`.
  public static Tensor heads(Tensor x, int numHeads) {
    return x.reshape(x.dim(0), x.dim(1), numHeads, x.dim(2) / numHeads).transposed(1, 2);
  }

  /// A mask that hides padding from all queries.
  ///
  /// @param mask `[B, N]`: 0 for a token, `-∞` for padding
  public static AttentionMask padding(Tensor mask) {
    return AttentionMask.padding(mask.segment());
  }

  /// A causal mask: hides padding, and from each query the keys after it.
  ///
  /// @param mask `[B, N]`: 0 for a token, `-∞` for padding
  public static AttentionMask causal(Tensor mask) {
    return new AttentionMask(true, mask.segment(), null);
  }

  /// @throws IllegalArgumentException if the channels are not a multiple of the heads
  static void check(int channels, int numHeads) {
    if (channels % numHeads != 0)
      throw new IllegalArgumentException("attention: " + channels + " channels are not a multiple of " + numHeads + " heads");
  }
}
