package dev.fovea.benchmarks.peers;

import java.util.Arrays;

/// A BERT without its pooler, whose tokens see only their phrase (ref: transformers `modeling_bert.py`).
///
/// Shapes: N tokens, C channels, D = C / heads.
final class BertPass<V> {
  private final Operations<V> ops;
  private final GroundingDinoSizes.Bert c;
  private final String at;
  private final int tokens;
  private final V types;
  private final V positions;
  private final V mask;

  BertPass(Operations<V> ops, Parameters parameters, GroundingDinoSizes.Bert sizes, String at, SubSentences text) {
    this.ops = ops;
    c = sizes;
    this.at = at;
    tokens = text.positions().length;
    int dim = c.dim();
    var table = parameters.get(at + "embeddings.position_embeddings.weight", c.positions(), dim);
    var rows = new float[tokens * dim];
    for (int i = 0; i < tokens; i++) System.arraycopy(table, text.positions()[i] * dim, rows, i * dim, dim);
    positions = ops.constant(rows, 1, tokens, dim);
    types = ops.constant(Arrays.copyOf(parameters.get(at + "embeddings.token_type_embeddings.weight", c.types(), dim), dim),
        1, 1, dim);
    mask = ops.constant(text.bertMask(), 1, 1, tokens, tokens);
  }

  /// `[1, N]` → `[1, N, C]`.
  V forward(V ids) {
    int dim = c.dim();
    var x = ops.embedding(ids, at + "embeddings.word_embeddings.weight", c.vocabulary(), dim);
    x = ops.layerNorm(ops.plus(ops.plus(x, types), positions), at + "embeddings.LayerNorm", dim, c.eps());
    for (int i = 0; i < c.layers(); i++) x = layer(x, at + "encoder.layer." + i + ".");
    return x;
  }

  private V layer(V in, String name) {
    int dim = c.dim();
    return ops.part(() -> {
      var context = ops.linear(attention(in, name + "attention.self."), name + "attention.output.dense", dim, dim);
      var x = ops.layerNorm(ops.plus(context, in), name + "attention.output.LayerNorm", dim, c.eps());
      var hidden = ops.gelu(ops.linear(x, name + "intermediate.dense", dim, c.mlp()));
      return ops.layerNorm(ops.plus(ops.linear(hidden, name + "output.dense", c.mlp(), dim), x), name + "output.LayerNorm", dim,
          c.eps());
    });
  }

  private V attention(V x, String name) {
    int dim = c.dim(), depth = dim / c.heads();
    var q = ops.transpose(heads(ops.linear(x, name + "query", dim, dim)), 0, 2, 1, 3);
    var k = ops.transpose(heads(ops.linear(x, name + "key", dim, dim)), 0, 2, 3, 1);
    var v = ops.transpose(heads(ops.linear(x, name + "value", dim, dim)), 0, 2, 1, 3);
    var scores = ops.plus(ops.over(ops.matMul(q, k), (float) Math.sqrt(depth)), mask);
    return ops.reshape(ops.transpose(ops.matMul(ops.softmax(scores), v), 0, 2, 1, 3), 1, tokens, dim);
  }

  private V heads(V x) {
    return ops.reshape(x, 1, tokens, c.heads(), c.dim() / c.heads());
  }
}
