package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Operation;

/// Attention with several heads (Vaswani et al., "Attention Is All You Need", 2017): the one function through which all layers
/// attend. They differ in where queries, keys and values come from.
public final class Attention {
  private Attention() {}

  /// `softmax(q · kᵀ / √D + mask) · v`, head by head; the heads' results side by side.
  ///
  /// @param q `[B, H, M, D]`, a view whose last dimension is contiguous, as all three
  /// @param k `[B, H, N, D]`
  /// @param v `[B, H, N, D]`
  /// @param mask which keys a query sees, and what is added to the scores
  /// @param site where the map goes if somebody asks for it
  /// @return `[B, M, H · D]`
  public static Tensor attend(Tensor q, Tensor k, Tensor v, AttentionMask mask, Probe.Site site) {
    int batch = q.dim(0), heads = q.dim(1), queries = q.dim(2), depth = q.dim(3);
    float scale = (float) (1 / Math.sqrt(depth));
    var out = q.allocate(batch, queries, heads * depth);
    q.run(new Operation.Attention(q.matrices(), k.matrices(), v.matrices(), mask, heads(out, heads).matrices(), scale));
    site.see(q, k, mask, scale);
    return out;
  }

  /// Channels split into heads: `[B, N, H · D]` → a view `[B, H, N, D]`.
  public static Tensor heads(Tensor x, int numHeads) {
    return x.reshape(x.dim(0), x.dim(1), numHeads, x.dim(2) / numHeads).transposed(1, 2);
  }

  /// Hides padding from every query.
  ///
  /// @param mask `[B, N]`: 0 where a key counts, `-∞` where it is padding
  public static AttentionMask padding(Tensor mask) {
    return AttentionMask.padding(mask.segment());
  }

  /// Hides padding, and from each query the keys that come after it.
  ///
  /// @param mask `[B, N]`: 0 where a key counts, `-∞` where it is padding
  public static AttentionMask causal(Tensor mask) {
    return new AttentionMask(true, mask.segment(), null);
  }

  /// @throws IllegalArgumentException if the channels are not a multiple of the heads
  static void check(int channels, int numHeads) {
    if (channels % numHeads != 0)
      throw new IllegalArgumentException("attention: " + channels + " channels are not a multiple of " + numHeads + " heads");
  }
}
