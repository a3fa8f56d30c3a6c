package dev.fovea.models;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.MultiHeadAttention;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/// The pre-norm transformer block of ViT, CLIP and SigLIP, including their text encoders: attention, then the feed-forward part,
/// each with a residual connection (ref: timm `vision_transformer.py`, `Block`).
///
/// Shapes: B batch, N tokens, C channels.
public record EncoderBlock(LayerNorm norm1, MultiHeadAttention attn, LayerNorm norm2, Mlp mlp) {
  public EncoderBlock {
    Objects.requireNonNull(norm1, "norm1");
    Objects.requireNonNull(attn, "attn");
    Objects.requireNonNull(norm2, "norm2");
    Objects.requireNonNull(mlp, "mlp");
  }

  /// The sizes of a block.
  ///
  /// @param dim channels
  /// @param mlpDim hidden features of the feed-forward part
  public record Sizes(int dim, int numHeads, int mlpDim, boolean qkvBias, Activation act, float layerNormEps) {
    /// @throws IllegalArgumentException if sizes do not fit together
    public Sizes {
      Objects.requireNonNull(act, "act");
      if (dim < 1 || numHeads < 1 || mlpDim < 1) throw new IllegalArgumentException("sizes must be positive");
      if (dim % numHeads != 0)
        throw new IllegalArgumentException("hidden_size " + dim + " is not a multiple of num_attention_heads " + numHeads);
    }

    static Sizes of(JsonFields json, Sizes otherwise) {
      var act = json.has("hidden_act") ? ActivationNames.of(json.string("hidden_act")) : otherwise.act;
      return new Sizes(json.integer("hidden_size", otherwise.dim), json.integer("num_attention_heads", otherwise.numHeads),
          json.integer("intermediate_size", otherwise.mlpDim), otherwise.qkvBias, act,
          json.number("layer_norm_eps", otherwise.layerNormEps));
    }

    void addTo(JsonObject json) {
      json.addProperty("hidden_size", dim);
      json.addProperty("num_attention_heads", numHeads);
      json.addProperty("intermediate_size", mlpDim);
      json.addProperty("hidden_act", ActivationNames.nameOf(act));
      json.addProperty("layer_norm_eps", layerNormEps);
    }
  }

  /// Loads blocks `blocks.0 …` of `w`, whose parameters they use where they are.
  public static List<EncoderBlock> stack(int depth, Sizes sizes, Weights w) {
    Objects.requireNonNull(sizes, "sizes");
    return IntStream.range(0, depth).mapToObj(i -> load(sizes, w.at("blocks").at(i))).toList();
  }

  private static EncoderBlock load(Sizes s, Weights w) {
    int dim = s.dim();
    return new EncoderBlock(
        w.layerNorm("norm1", dim, s.layerNormEps()),
        new MultiHeadAttention(w.linear("attn.qkv", dim, 3 * dim, s.qkvBias()), w.linear("attn.proj", dim, dim), s.numHeads()),
        w.layerNorm("norm2", dim, s.layerNormEps()),
        new Mlp(w.linear("mlp.fc1", dim, s.mlpDim()), s.act(), w.linear("mlp.fc2", s.mlpDim(), dim)));
  }

  /// Runs the blocks in sequence. The probe receives the embedding as `hidden_states.0` and each block's result as the next ones.
  ///
  /// @param mask the visible tokens of each token
  /// @param tokens the kinds of the tokens
  public static Tensor forward(List<EncoderBlock> blocks, Tensor x, AttentionMask mask, Tokens tokens, Probe probe) {
    Objects.requireNonNull(x, "x");
    Objects.requireNonNull(mask, "mask");
    Objects.requireNonNull(tokens, "tokens");
    probe.see("hidden_states", 0, x);                                                 // [B, N, C]
    for (int i = 0; i < blocks.size(); i++)
      x = probe.see("hidden_states", i + 1, blocks.get(i).forward(x, mask, probe.attention(i, tokens, tokens)));
    return x;
  }

  /// `[B, N, C]` → `[B, N, C]`.
  ///
  /// @param mask the visible tokens of each token
  /// @param site receives the attention map if it is requested
  public Tensor forward(Tensor x, AttentionMask mask, Probe.Site site) {
    Objects.requireNonNull(mask, "mask");
    Objects.requireNonNull(site, "site");
    x = attn.addedTo(x, norm1.forward(x), mask, site);
    return mlp.addedTo(x, norm2.forward(x));
  }
}
