package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Operation;
import java.util.Objects;

/// Causal self-attention with rotary positions, in which groups of query heads share a head of keys and values (Ainslie et al.,
/// "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints", 2023). Heads share keys by views,
/// without a copy.
///
/// Shapes: B batch, N tokens, C channels, H query heads, G key heads, R = H / G, D columns of a head.
///
/// @param q `C → H · D`
/// @param kv `C → 2 G · D`: all keys, then all values
/// @param proj `H · D → C`
/// @param numHeads H
/// @param numKeyHeads G
public record GroupedAttention(Linear q, Linear kv, Linear proj, int numHeads, int numKeyHeads) {
  /// @throws IllegalArgumentException if sizes do not fit together
  public GroupedAttention {
    Objects.requireNonNull(q, "q");
    Objects.requireNonNull(kv, "kv");
    Objects.requireNonNull(proj, "proj");
    if (numKeyHeads < 1 || numHeads % numKeyHeads != 0)
      throw new IllegalArgumentException("attention: " + numHeads + " heads are not a multiple of " + numKeyHeads + " key heads");
    Attention.check(q.weight().n(), numHeads);
    if (kv.weight().n() * numHeads != 2 * q.weight().n() * numKeyHeads)
      throw new IllegalArgumentException("attention: expected " + 2 * numKeyHeads + " heads of keys and values of "
          + q.weight().n() / numHeads + " channels, got " + kv.weight().n() + " channels");
  }

  /// Queries, keys and values of some tokens.
  ///
  /// @param q `[B, H, N, D]`, turned by their positions, contiguous
  /// @param k `[B, G, N, D]`, turned by their positions, contiguous
  /// @param v `[B, G, N, D]`
  private record Heads(Tensor q, Tensor k, Tensor v) {}

  private Heads heads(Tensor x, Tensor table) {
    var queries = Attention.heads(q.forward(x), numHeads);                            // [B, H, N, D]
    var both = Attention.heads(kv.forward(x), 2 * numKeyHeads);                       // [B, 2 G, N, D]
    return new Heads(RotaryPositions.turn(queries, table), RotaryPositions.turn(both.slice(1, 0, numKeyHeads), table),
        both.slice(1, numKeyHeads, 2 * numKeyHeads));
  }

  /// Attention among the tokens of each text: `[B, N, C]` → `[B, N, C]`.
  ///
  /// @param table `[N, D]`, the positions ([RotaryPositions#table])
  /// @param site destination of the map `[B, H, N, N]`, if requested
  public Tensor forward(Tensor x, Tensor table, Probe.Site site) {
    return proj.forward(attend(x, table, site));
  }

  /// `residual + forward(x, table, site)`: the last product adds the residual to its sums. Both `[B, N, C]` → `[B, N, C]`.
  public Tensor addedTo(Tensor residual, Tensor x, Tensor table, Probe.Site site) {
    return proj.forward(attend(x, table, site), residual);
  }

  private Tensor attend(Tensor x, Tensor table, Probe.Site site) {
    int batch = x.dim(0), tokens = x.dim(1);
    var heads = heads(x, table);
    var out = x.allocate(batch, tokens, proj.weight().k());
    var map = site.keep(x, batch, numHeads, tokens, tokens);
    for (int b = 0; b < batch; b++) {
      Tensor queries = grouped(heads.q.select(0, b)), keys = shared(heads.k.select(0, b));
      attend(queries, keys, shared(heads.v.select(0, b)), AttentionMask.CAUSAL, out.select(0, b));
      if (map != null)
        x.run(new Operation.AttentionMaps(queries.matrices(), keys.matrices(), AttentionMask.CAUSAL, map.select(0, b).segment(),
            scale(queries)));
    }
    return out;
  }

  /// Attention of the next tokens of a text to it and to themselves: `[1, N, C]` → `[1, N, C]`. Their keys and values are added to
  /// the cache.
  ///
  /// @param table `[N, D]`, the positions ([RotaryPositions#table])
  public Tensor forward(Tensor x, Tensor table, AttentionCache cache) {
    return proj.forward(attend(x, table, cache));
  }

  /// `residual + forward(x, table, cache)`: the last product adds the residual to its sums. Both `[1, N, C]` → `[1, N, C]`.
  public Tensor addedTo(Tensor residual, Tensor x, Tensor table, AttentionCache cache) {
    return proj.forward(attend(x, table, cache), residual);
  }

  private Tensor attend(Tensor x, Tensor table, AttentionCache cache) {
    int tokens = x.dim(1);
    var heads = heads(x, table);
    Tensor queries = heads.q.select(0, 0), keys = cache.keys(), values = cache.values();
    x.run(new Operation.Append(heads.k.select(0, 0).matrices(), keys.matrices(), cache.before().segment()));
    x.run(new Operation.Append(heads.v.select(0, 0).matrices(), values.matrices(), cache.before().segment()));
    var out = x.allocate(1, tokens, proj.weight().k());
    var after = cache.after().segment();
    if (tokens > 1) {
      attend(grouped(queries), shared(keys), shared(values), AttentionMask.cached(after), out.select(0, 0));
    } else {
      // The queries of a group are the rows of one matrix, so that keys are read once.
      var rows = queries.reshape(numKeyHeads, numHeads / numKeyHeads, queries.dim(2));  // [G, R, D]
      x.run(new Operation.Attention(rows.matrices(), keys.matrices(), values.matrices(),
          new AttentionMask(false, null, null, null, after), out.reshape(rows.shape()).matrices(), scale(queries)));
    }
    return out;
  }

  /// @param q `[G, R, N, D]`
  /// @param k `[G, R, M, D]`
  /// @param v `[G, R, M, D]`
  /// @param out `[N, H · D]`
  private void attend(Tensor q, Tensor k, Tensor v, AttentionMask mask, Tensor out) {
    var to = out.reshape(q.dim(2), q.dim(0), q.dim(1), q.dim(3)).transposed(0, 1).transposed(1, 2);  // [N, G, R, D] → [G, R, N, D]
    q.run(new Operation.Attention(q.matrices(), k.matrices(), v.matrices(), mask, to.matrices(), scale(q)));
  }

  private static float scale(Tensor q) {
    return (float) (1 / Math.sqrt(q.dim(-1)));
  }

  /// `[H, N, D]` → `[G, R, N, D]`.
  private Tensor grouped(Tensor q) {
    return q.reshape(numKeyHeads, numHeads / numKeyHeads, q.dim(1), q.dim(2));
  }

  /// Each head for all query heads of its group: `[G, M, D]` → `[G, R, M, D]`.
  private Tensor shared(Tensor x) {
    return x.expand(numHeads / numKeyHeads).transposed(0, 1);
  }
}
