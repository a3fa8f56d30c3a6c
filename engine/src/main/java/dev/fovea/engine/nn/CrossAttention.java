package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import java.util.Objects;

/// Multi-head cross-attention (Vaswani et al., "Attention Is All You Need", 2017).
///
/// Shapes: B batch, M query tokens, N context tokens, C channels, H heads, D = C / H.
///
/// @param q `C → C`
/// @param kv `C → 2 C`: all keys, then all values
/// @param proj `C → C`
public record CrossAttention(Linear q, Linear kv, Linear proj, int numHeads) {
  /// @throws IllegalArgumentException if the channels are not a multiple of the heads
  public CrossAttention {
    Objects.requireNonNull(q, "q");
    Objects.requireNonNull(kv, "kv");
    Attention.check(proj.weight().k(), numHeads);
  }

  /// `x` `[B, M, C]` and `context` `[B, N, C]` → `[B, M, C]`.
  ///
  /// @param site destination of the map `[B, H, M, N]`, if requested
  public Tensor forward(Tensor x, Tensor context, Probe.Site site) {
    return proj.forward(attend(x, context, site));
  }

  /// `residual + forward(x, context, site)`: the last product adds the residual to its sums. `residual` is `[B, M, C]`.
  public Tensor addedTo(Tensor residual, Tensor x, Tensor context, Probe.Site site) {
    return proj.forward(attend(x, context, site), residual);
  }

  private Tensor attend(Tensor x, Tensor context, Probe.Site site) {
    int batch = x.dim(0), depth = x.dim(2) / numHeads;
    var queries = Attention.heads(q.forward(x), numHeads);  // [B, H, M, D]
    var both = kv.forward(context).reshape(batch, context.dim(1), 2, numHeads, depth).transposed(1, 3);  // [B, H, 2, N, D]
    return Attention.attend(queries, both.select(2, 0), both.select(2, 1), AttentionMask.NONE, site);
  }
}
