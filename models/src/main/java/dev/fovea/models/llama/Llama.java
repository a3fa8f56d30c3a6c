package dev.fovea.models.llama;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.AttentionCache;
import dev.fovea.engine.nn.Embedding;
import dev.fovea.engine.nn.GroupedAttention;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.RmsNorm;
import dev.fovea.engine.nn.RotaryPositions;
import dev.fovea.engine.nn.SwiGlu;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.ContinuesText;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/// Llama, a decoder that predicts the next token of a text (Touvron et al., "LLaMA: Open and Efficient Foundation Language Models",
/// 2023; ref: transformers `models/llama/modeling_llama.py`, `models/qwen2/modeling_qwen2.py`).
///
/// The decoder reads embeddings: [#embed] makes them from tokens, and a model that sees pictures puts those of a picture among
/// them. [DecoderState] continues a text with the keys and values of what it has read. Immutable, for any number of threads.
///
/// Shapes: B texts, N tokens, C channels, V tokens of the vocabulary.
///
/// @param head `C → V`; its weight may be the embedding's
public record Llama(LlamaConfig config, Embedding tokenEmbed, RotaryPositions positions, List<Block> blocks, RmsNorm norm,
    Linear head) implements Model, ContinuesText {
  /// Tokens of the texts that the decoder is measured with.
  private static final int MEASURED = 128;

  public Llama {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(tokenEmbed, "tokenEmbed");
    Objects.requireNonNull(positions, "positions");
    Objects.requireNonNull(blocks, "blocks");
    Objects.requireNonNull(norm, "norm");
    Objects.requireNonNull(head, "head");
  }

  /// One pre-norm transformer block: attention, then the feed-forward part, each with a residual connection.
  record Block(RmsNorm norm1, GroupedAttention attn, RmsNorm norm2, SwiGlu mlp) {
    static Block load(LlamaConfig c, Weights w) {
      int dim = c.dim(), heads = c.numHeads() * c.headDim(), both = 2 * c.numKeyHeads() * c.headDim();
      boolean mlpBias = c.bias().mlp();
      return new Block(
          w.rmsNorm("norm1", dim, c.rmsNormEps()),
          new GroupedAttention(w.linear("attn.q", dim, heads, c.bias().qkv()), w.linear("attn.kv", dim, both, c.bias().qkv()),
              w.linear("attn.proj", heads, dim, c.bias().proj()), c.numHeads(), c.numKeyHeads()),
          w.rmsNorm("norm2", dim, c.rmsNormEps()),
          new SwiGlu(w.linear("mlp.w1", dim, c.mlpDim(), mlpBias), w.linear("mlp.w2", dim, c.mlpDim(), mlpBias),
              w.linear("mlp.w3", c.mlpDim(), dim, mlpBias)));
    }

    Tensor forward(Tensor x, Tensor table, Probe.Site site) {                         // [B, N, C]
      x = attn.addedTo(x, norm1.forward(x), table, site);
      return mlp.addedTo(x, norm2.forward(x));
    }

    Tensor forward(Tensor x, Tensor table, AttentionCache cache) {                    // [1, N, C]
      x = attn.addedTo(x, norm1.forward(x), table, cache);
      return mlp.addedTo(x, norm2.forward(x));
    }
  }

  /// Reads a decoder's parameters below `w`; [Weights#bind] reports those that are missing or misshapen. Their memory is the
  /// source's.
  public static Llama load(LlamaConfig c, Weights w) {
    // A tied table is the head's matrix, which each token reads whole, so the source stores it as it stores matrices.
    var embed = c.tied() ? new Embedding(w.matrix("token_embed.weight", c.vocabSize(), c.dim()))
        : w.embedding("token_embed", c.vocabSize(), c.dim());
    return new Llama(c, embed,
        new RotaryPositions(c.headDim(), c.ropeTheta(), c.scaling(), c.maxTokens()),
        IntStream.range(0, c.depth()).mapToObj(i -> Block.load(c, w.at("blocks").at(i))).toList(),
        w.rmsNorm("norm", c.dim(), c.rmsNormEps()),
        c.tied() ? new Linear(embed.table(), null) : w.linear("head", c.dim(), c.vocabSize(), false));
  }

  /// The embeddings of tokens: `[B, N]` → `[B, N, C]`. The embedding of an id that is not in the vocabulary is NaN.
  public Tensor embed(Tensor ids) {
    return tokenEmbed.forward(ids);
  }

  /// Reads whole texts, without a cache: `[B, N, C]` → `[B, N, C]`, normalised for [#logits].
  ///
  /// @param embeddings of the tokens
  /// @param probe receives `hidden_states.0 …`, the embeddings and each block's result, the last one normalised, and the attention
  ///     maps `attentions.0 …`
  /// @throws InputException if there are more tokens than the model's context
  public Tensor forward(Tensor embeddings, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    int count = embeddings.dim(1);
    if (count < 1 || count > config.context())
      throw new InputException("expected 1 to " + config.context() + " tokens, the model's context, got " + count);
    var table = positions.table(start(embeddings), count, count);                     // [N, D]
    var tokens = probe.tokens(Tokens.Kind.TEXT, count);
    var x = probe.see("hidden_states", 0, embeddings);                                // [B, N, C]
    for (int i = 0; i < blocks.size(); i++) {
      x = blocks.get(i).forward(x, table, probe.attention(i, tokens, tokens));
      if (i < blocks.size() - 1) probe.see("hidden_states", i + 1, x);
    }
    return probe.see("hidden_states", blocks.size(), norm.forward(x));
  }

  /// Zero, as a tensor of the pass: `[1]`.
  private static Tensor start(Tensor x) {
    var start = x.allocate(1);
    start.set(Tensor.zeros(Arena.ofAuto(), 1));
    return start;
  }

  /// Reads the next tokens of one text: `[1, N, C]` → `[1, N, C]`, not normalised.
  ///
  /// @param caches one for each block
  /// @param capacity most tokens of the text
  Tensor forward(Tensor embeddings, List<AttentionCache> caches, int capacity) {
    var table = positions.table(caches.getFirst().before(), embeddings.dim(1), capacity);
    var x = embeddings;
    for (int i = 0; i < blocks.size(); i++) x = blocks.get(i).forward(x, table, caches.get(i));
    return x;
  }

  /// The logits of the next tokens: `[…, C]` → `[…, V]`.
  ///
  /// @param x normalised, as [#forward] returns it
  public Tensor logits(Tensor x) {
    return head.forward(x);
  }

  @Override
  public Llama language() {
    return this;
  }

  @Override
  public Tensor prompt(Map<String, Tensor> inputs) {
    var ids = inputs.get(INPUT_IDS);
    config.check(ids);
    return embed(ids);
  }

  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    return Map.of(INPUT_IDS, ModelInput.tokens(config.vocabSize(), batch, Math.min(MEASURED, config.context())));
  }

  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var hidden = forward(prompt(inputs), probe);
    var named = new LinkedHashMap<>(probe.tensors());
    named.put("logits", logits(hidden));
    return named;
  }
}
