package dev.fovea.models.bert;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Attention;
import dev.fovea.engine.nn.Embedding;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.MultiHeadAttention;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.models.ClassifiesText;
import dev.fovea.models.EncodesText;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.SentenceConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// BERT, a text encoder with an optional classification head (Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers
/// for Language Understanding", 2019; ref: transformers `models/bert/modeling_bert.py`).
///
/// Shapes: B texts or pairs of texts, N tokens, C channels.
///
/// @param tokenEmbed one vector per token id
/// @param posEmbed `[positions, C]`
/// @param typeEmbed one vector per token type: first text, second text; null for a model without types
/// @param pooler `C → C` on the first token; or null
/// @param head `C → classes`, or null for features only
public record Bert(BertConfig config, Embedding tokenEmbed, Tensor posEmbed, @Nullable Embedding typeEmbed,
    LayerNorm embedNorm, List<Block> blocks, @Nullable Linear pooler, @Nullable Linear head)
    implements Model, ClassifiesText, EncodesText {
  public Bert {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(tokenEmbed, "tokenEmbed");
    Objects.requireNonNull(posEmbed, "posEmbed");
    Objects.requireNonNull(embedNorm, "embedNorm");
    Objects.requireNonNull(blocks, "blocks");
  }

  /// The results of a pass.
  ///
  /// @param lastHiddenState `[B, N, C]`
  /// @param pooled the pooled first token, `[B, C]`; null without a pooler
  /// @param logits `[B, classes]`, or null without a head
  public record Output(Tensor lastHiddenState, @Nullable Tensor pooled, @Nullable Tensor logits) {
    public Output {
      Objects.requireNonNull(lastHiddenState, "lastHiddenState");
    }
  }

  /// One post-norm transformer block: attention and the feed-forward part, each with a residual connection and a norm of the sum.
  record Block(MultiHeadAttention attn, LayerNorm norm1, Mlp mlp, LayerNorm norm2) {
    static Block load(BertConfig config, Weights w) {
      var c = config.encoder().blocks();
      int dim = c.dim();
      return new Block(
          new MultiHeadAttention(w.linear("attn.qkv", dim, 3 * dim), w.linear("attn.proj", dim, dim), c.numHeads()),
          w.layerNorm("norm1", dim, c.layerNormEps()),
          new Mlp(w.linear("mlp.fc1", dim, c.mlpDim()), c.act(), w.linear("mlp.fc2", c.mlpDim(), dim)),
          w.layerNorm("norm2", dim, c.layerNormEps()));
    }

    Tensor forward(Tensor x, AttentionMask mask, Probe.Site site) {                   // [B, N, C]
      return rest(attn.addedTo(x, x, mask, site));
    }

    /// Texts one after the other, `[1, tokens, C]`: only attention looks at a text as a whole.
    Tensor forward(Tensor x, List<Tensor> texts) {
      return rest(attn.addedTo(x, x, texts));
    }

    private Tensor rest(Tensor x) {
      x = norm1.forward(x);
      return norm2.forward(mlp.addedTo(x, x));
    }
  }

  /// As [dev.fovea.models.ModelConfig#load].
  public static Bert load(BertConfig config, Weights w) {
    var c = config.encoder();
    int dim = c.blocks().dim();
    return new Bert(config,
        w.embedding("token_embed", c.vocabSize(), dim),
        w.tensor("pos_embed", c.maxTokens(), dim),
        config.typeVocabSize() == 0 ? null : w.embedding("type_embed", config.typeVocabSize(), dim),
        w.layerNorm("embed_norm", dim, c.blocks().layerNormEps()),
        IntStream.range(0, c.depth()).mapToObj(i -> Block.load(config, w.at("blocks").at(i))).toList(),
        config.pooler() ? w.linear("pooler", dim, dim) : null,
        config.numClasses() == 0 ? null : w.linear("head", dim, config.numClasses()));
  }

  /// Runs the encoder on tokens.
  ///
  /// @param ids `[B, N]`
  /// @param mask `[B, N]`: 0 for tokens, `-∞` for padding
  /// @param types `[B, N]`: 0 in the first text, 1 in the second
  /// @throws InputException if there are more tokens than positions
  public Output forward(Tensor ids, Tensor mask, Tensor types, Probe probe) {
    Objects.requireNonNull(types, "types");
    Objects.requireNonNull(probe, "probe");
    config.encoder().check(ids);
    var seen = Attention.padding(mask);
    var x = blocks(embed(ids, types), seen, probe);                                   // [B, N, C]
    var pooled = pooler == null ? null : pooler.forward(x.select(1, 0).contiguous(), Activation.TANH);   // [B, C]
    return new Output(x, pooled, head == null ? null : head.forward(pooled));
  }

  /// The last hidden state of tokens whose positions and mask the caller chooses: `[B, N, C]`.
  ///
  /// @param ids `[B, N]`
  /// @param types `[B, N]`
  /// @param positions `[B, N]`, each less than the number of positions
  /// @param mask tokens that each token sees
  /// @throws InputException if there are more tokens than positions
  public Tensor features(Tensor ids, Tensor types, Tensor positions, AttentionMask mask, Probe probe) {
    Objects.requireNonNull(types, "types");
    Objects.requireNonNull(positions, "positions");
    Objects.requireNonNull(mask, "mask");
    Objects.requireNonNull(probe, "probe");
    config.encoder().check(ids);
    return blocks(embedNorm.forward(typed(ids, types).plus(Embedding.of(posEmbed).forward(positions))), mask, probe);
  }

  /// The published vectors of padded texts, `[B, N, C]` → `[B, C]`.
  private static Tensor sentenceEmbedding(Tensor x, Tensor mask, SentenceConfig sentence) {
    var vectors = switch (sentence.pooling()) {
      case CLASS_TOKEN -> x.select(1, 0).contiguous();
      case MEAN -> weighted(x, mask.softmax());                     // 1 / n for each of n tokens
      case MEAN_SQRT_LENGTH -> weighted(x, mask.softmax().normalized());   // 1 / √n
      case MAX -> largest(x, mask);
    };
    return sentence.normalized() ? vectors.normalized() : vectors;
  }

  private static Tensor weighted(Tensor x, Tensor weights) {
    return weights.reshape(x.dim(0), 1, x.dim(1)).matmul(x, 1).reshape(x.dim(0), x.dim(2));
  }

  /// The largest value of each channel. The first token always counts; `m + max(x - m, 0)` leaves out padding, whose `x` is `-∞`.
  private static Tensor largest(Tensor x, Tensor mask) {
    var most = x.select(1, 0).contiguous();                                           // [B, C]
    for (int i = 1; i < x.dim(1); i++) {
      var hidden = mask.select(1, i).expand(x.dim(2)).transposed(0, 1).contiguous();  // [B, C]
      var next = x.select(1, i).contiguous().plus(hidden);
      most = most.plus(next.plus(most.times(-1)).activate(Activation.RELU));
    }
    return most;
  }

  private Tensor blocks(Tensor x, AttentionMask mask, Probe probe) {
    var tokens = probe.tokens(Tokens.Kind.TEXT, x.dim(1));
    probe.see("hidden_states", 0, x);                                                 // [B, N, C]
    for (int i = 0; i < blocks.size(); i++)
      x = probe.see("hidden_states", i + 1, blocks.get(i).forward(x, mask, probe.attention(i, tokens, tokens)));
    return x;
  }

  private Tensor embed(Tensor ids, Tensor types) {
    return embedNorm.forward(typed(ids, types).plus(posEmbed.slice(0, 0, ids.dim(1))));
  }

  /// The embeddings of tokens and their types, without positions.
  private Tensor typed(Tensor ids, Tensor types) {
    var x = tokenEmbed.forward(ids);
    return typeEmbed == null ? x : x.plus(typeEmbed.forward(types));
  }

  @Override
  public List<Tensor> features(List<Tensor> ids) {
    Objects.requireNonNull(ids, "ids");
    ids.forEach(config.encoder()::check);
    int dim = channels();
    var parts = ids.stream().map(each -> embed(each, each.times(0)).reshape(1, (int) each.size(), dim)).toArray(Tensor[]::new);
    var x = parts.length == 1 ? parts[0] : Tensor.concat(1, parts);                   // [1, tokens, C]
    for (var block : blocks) x = block.forward(x, ids);
    var features = new ArrayList<Tensor>();
    int at = 0;
    for (var each : ids) {
      int tokens = (int) each.size();
      features.add(x.slice(1, at, at + tokens).reshape(each.dim(0), each.dim(1), dim));
      at += tokens;
    }
    return features;
  }

  @Override
  public int channels() {
    return config.encoder().blocks().dim();
  }

  @Override
  public @Nullable SentenceConfig sentence() {
    return config.sentence();
  }

  @Override
  public int numClasses() {
    return config.numClasses();
  }

  @Override
  public int vocabSize() {
    return config.encoder().vocabSize();
  }

  @Override
  public int maxTokens() {
    return config.encoder().maxTokens();
  }

  @Override
  public Tensor logits(Tensor ids, Tensor mask, Tensor types) {
    var logits = forward(ids, mask, types, Probe.NONE).logits;
    if (logits == null) throw new IllegalStateException("this BERT has no classification head");
    return logits;
  }

  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    int tokens = config.encoder().maxTokens();
    return Map.of(INPUT_IDS, ModelInput.tokens(config.encoder().vocabSize(), batch, tokens),
        ATTENTION_MASK, ModelInput.mask(INPUT_IDS, batch, tokens),
        TOKEN_TYPE_IDS, ModelInput.tokens(Math.max(1, config.typeVocabSize()), batch, tokens).zerosLike(INPUT_IDS));
  }

  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var output = forward(inputs.get(INPUT_IDS), inputs.get(ATTENTION_MASK), inputs.get(TOKEN_TYPE_IDS), probe);
    var named = new LinkedHashMap<>(probe.tensors());
    named.put("last_hidden_state", output.lastHiddenState);
    if (output.pooled != null) named.put("pooler_output", output.pooled);
    if (output.logits != null) named.put("logits", output.logits);
    if (config.sentence() != null)
      named.put("sentence_embedding", sentenceEmbedding(output.lastHiddenState, inputs.get(ATTENTION_MASK), config.sentence()));
    return named;
  }
}
