package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Operation;
import java.util.function.Consumer;

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
    var heads = split(x, context);
    var out = x.allocate(x.shape());
    x.workspace().kernels().run(new Operation.Attention(heads.q.matrices(), heads.k.matrices(), heads.v.matrices(), AttentionMask.NONE,
        out.reshape(x.dim(0), x.dim(1), numHeads, x.dim(2) / numHeads).transposed(1, 2).matrices(), heads.scale));
    return proj.forward(out);
  }

  /// The same, handing the attention maps `[B, H, M, N]` to `maps`: row `i` says how much token `i` took from each token.
  public Tensor forward(Tensor x, Tensor context, Consumer<Tensor> maps) {
    var heads = split(x, context);
    var attention = x.allocate(x.dim(0), numHeads, x.dim(1), context.dim(1));
    x.workspace().kernels().run(new Operation.AttentionMaps(heads.q.matrices(), heads.k.matrices(), AttentionMask.NONE, attention.segment(), heads.scale));
    maps.accept(attention);
    var out = attention.matmul(heads.v, 1);                                           // [B, H, M, D]
    return proj.forward(out.transposed(1, 2).contiguous().reshape(x.shape()));
  }

  /// `q` is a view `[B, H, M, D]`, `k` and `v` are views `[B, H, N, D]` of one buffer.
  private record Heads(Tensor q, Tensor k, Tensor v, float scale) {}

  private Heads split(Tensor x, Tensor context) {
    int batch = x.dim(0), depth = x.dim(2) / numHeads;
    var queries = q.forward(x).reshape(batch, x.dim(1), numHeads, depth).transposed(1, 2);                             // [B, H, M, D]
    var both = kv.forward(context).reshape(batch, context.dim(1), 2, numHeads, depth).transposed(1, 3);                // [B, H, 2, N, D]
    return new Heads(queries, both.select(2, 0), both.select(2, 1), (float) (1 / Math.sqrt(depth)));
  }
}
