package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Operation;
import java.util.function.Consumer;

/// Self-attention with several heads (Vaswani et al., "Attention Is All You Need", 2017); the projections of queries, keys
/// and values are one product.
///
/// Shapes: B batch, N tokens, C channels, H heads, D = C / H.
///
/// @param qkv `C → 3 C`: all queries, then all keys, then all values
/// @param proj `C → C`
public record MultiHeadAttention(Linear qkv, Linear proj, int numHeads) {
  /// @throws IllegalArgumentException if the channels are not a multiple of the heads
  public MultiHeadAttention {
    if (proj.weight().k() % numHeads != 0)
      throw new IllegalArgumentException("attention: " + proj.weight().k() + " channels are not a multiple of " + numHeads + " heads");
  }

  /// `[B, N, C]` → `[B, N, C]`.
  public Tensor forward(Tensor x) {
    return forward(x, AttentionMask.NONE);
  }

  /// `[B, N, C]` → `[B, N, C]`, where `mask` says which tokens a token sees.
  public Tensor forward(Tensor x, AttentionMask mask) {
    var heads = split(x);
    var context = x.allocate(x.shape());                                          // [B, N, C]
    x.workspace().kernels().run(new Operation.Attention(heads.q.matrices(), heads.k.matrices(), heads.v.matrices(), mask,
        perHead(context).matrices(), heads.scale));
    return proj.forward(context);
  }

  /// The same, handing the attention maps `[B, H, N, N]` to `maps`: row `i` says how much token `i` took from each token.
  public Tensor forward(Tensor x, AttentionMask mask, Consumer<Tensor> maps) {
    var heads = split(x);
    var attention = x.allocate(x.dim(0), numHeads, x.dim(1), x.dim(1));           // [B, H, N, N]
    x.workspace().kernels().run(new Operation.AttentionMaps(heads.q.matrices(), heads.k.matrices(), mask, attention.segment(), heads.scale));
    maps.accept(attention);
    var context = attention.matmul(heads.v, 1);                                   // [B, H, N, D]
    return proj.forward(context.transposed(1, 2).contiguous().reshape(x.shape()));
  }

  /// `q`, `k` and `v` are views `[B, H, N, D]` of one buffer.
  private record Heads(Tensor q, Tensor k, Tensor v, float scale) {}

  private Heads split(Tensor x) {
    int batch = x.dim(0), tokens = x.dim(1), depth = x.dim(2) / numHeads;
    var all = qkv.forward(x).reshape(batch, tokens, 3, numHeads, depth).transposed(1, 3);   // [B, H, 3, N, D]
    return new Heads(all.select(2, 0), all.select(2, 1), all.select(2, 2), (float) (1 / Math.sqrt(depth)));
  }

  private Tensor perHead(Tensor context) {
    int batch = context.dim(0), tokens = context.dim(1), channels = context.dim(2);
    return context.reshape(batch, tokens, numHeads, channels / numHeads).transposed(1, 2);
  }
}
