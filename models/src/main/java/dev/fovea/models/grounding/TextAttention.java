package dev.fovea.models.grounding;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Attention;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;

/// Multi-head attention whose queries, keys and values come from different tensors (ref: transformers
/// `models/grounding_dino/modeling_grounding_dino.py`, `GroundingDinoMultiheadAttention`).
record TextAttention(Linear q, Linear k, Linear v, Linear proj, int numHeads) {
  static TextAttention load(int dim, int numHeads, Weights w) {
    return new TextAttention(w.linear("q", dim, dim), w.linear("k", dim, dim), w.linear("v", dim, dim), w.linear("proj", dim, dim),
        numHeads);
  }

  /// `residual` + attention: `[B, M, C]`, `[B, M, C]`, `[B, N, C]` and `[B, N, C]` → `[B, M, C]`. The last product adds the
  /// residual to its sums.
  Tensor addedTo(Tensor residual, Tensor queries, Tensor keys, Tensor values, AttentionMask mask, Probe.Site site) {
    var attended = Attention.attend(Attention.heads(q.forward(queries), numHeads), Attention.heads(k.forward(keys), numHeads),
        Attention.heads(v.forward(values), numHeads), mask, site);
    return proj.forward(attended, residual);
  }
}
