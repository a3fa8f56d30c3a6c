package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;

/// Attention with several heads in which some tokens ask and others answer (Vaswani et al., "Attention Is All You Need", 2017).
///
/// Shapes: B batch, M asking tokens, N answering ones, C channels, H heads, D = C / H.
///
/// @param q `C → C`
/// @param kv `C → 2 C`: all keys, then all values
/// @param proj `C → C`
public record CrossAttention(Linear q, Linear kv, Linear proj, int numHeads) {
  /// @throws IllegalArgumentException if the channels are not a multiple of the heads
  public CrossAttention {
    if (proj.weight().k() % numHeads != 0)
      throw new IllegalArgumentException("attention: " + proj.weight().k() + " channels are not a multiple of " + numHeads + " heads");
  }

  /// `x` `[B, M, C]` and `context` `[B, N, C]` → `[B, M, C]`.
  public Tensor forward(Tensor x, Tensor context) {
    int batch = x.dim(0), channels = x.dim(2), depth = channels / numHeads;
    var queries = q.forward(x).reshape(batch, x.dim(1), numHeads, depth).transposed(1, 2);                             // [B, H, M, D]
    var both = kv.forward(context).reshape(batch, context.dim(1), 2, numHeads, depth).transposed(1, 3);                // [B, H, 2, N, D]
    var out = x.allocate(batch, x.dim(1), channels);
    x.workspace().kernels().attention(queries.matrices(), both.select(2, 0).matrices(), both.select(2, 1).matrices(), AttentionMask.NONE,
        out.reshape(batch, x.dim(1), numHeads, depth).transposed(1, 2).matrices(), (float) (1 / Math.sqrt(depth)));
    return proj.forward(out);
  }
}
