package dev.fovea.models.siglip;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.AttentionPooling;
import dev.fovea.engine.nn.CrossAttention;
import dev.fovea.engine.nn.Embedding;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.PatchEmbedding;
import dev.fovea.engine.nn.PositionGrid;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Interpolation;
import dev.fovea.models.AnswersEarly;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.EncoderBlock;
import dev.fovea.models.JoinsPicturesAndText;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.PictureFeatures;
import dev.fovea.models.Pooling;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// SigLIP, which gives each pair of picture and text a separate probability (Zhai et al., "Sigmoid Loss for Language Image
/// Pre-Training", 2023; ref: google-research/big_vision `models/proj/image_text/two_towers.py`, transformers
/// `models/siglip/modeling_siglip.py`).
///
/// Shapes: I pictures, T texts, P patches, N tokens, C channels and dimensions of the common space.
///
/// @param words the text encoder and the logit scale and bias, or null for a model with only the image encoder
public record Siglip(SiglipConfig config, Visual visual, @Nullable Words words) implements Model, JoinsPicturesAndText,
    EmbedsPictures, AnswersEarly {
  public Siglip {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(visual, "visual");
  }

  /// The image encoder.
  ///
  /// @param posEmbed `[P, C]`, resampled for pictures of another size
  /// @param attnPool pools the patches into one token; null for a model without pooling
  record Visual(PatchEmbedding patchEmbed, PositionGrid posEmbed, List<EncoderBlock> blocks, LayerNorm norm,
      @Nullable AttentionPooling attnPool) {
    static Visual load(SiglipConfig config, Weights w) {
      var c = config.vision();
      int dim = c.blocks().dim(), patch = c.patchSize();
      return new Visual(
          new PatchEmbedding(w.linear("patch_embed.proj", c.numChannels() * patch * patch, dim), c.numChannels(), patch),
          new PositionGrid(w.tensor("pos_embed", c.rows() * c.cols(), dim), c.rows(), c.cols(), Interpolation.BICUBIC),
          EncoderBlock.stack(c.depth(), c.blocks(), w),
          w.layerNorm("norm", dim, c.blocks().layerNormEps()),
          config.pooling() ? pooling(c.blocks(), w.at("attn_pool")) : null);
    }

    private static AttentionPooling pooling(EncoderBlock.Sizes s, Weights w) {
      int dim = s.dim();
      return new AttentionPooling(
          w.tensor("latent", 1, dim),
          new CrossAttention(w.linear("q", dim, dim), w.linear("kv", dim, 2 * dim), w.linear("proj", dim, dim), s.numHeads()),
          w.layerNorm("norm", dim, s.layerNormEps()),
          new Mlp(w.linear("mlp.fc1", dim, s.mlpDim()), s.act(), w.linear("mlp.fc2", s.mlpDim(), dim)));
    }

    Encoded forward(Tensor image, Probe probe) {
      int patch = patchEmbed.patchSize(), rows = image.dim(2) / patch, cols = image.dim(3) / patch;
      var tokens = probe.grid(rows, cols);
      var x = patchEmbed.forward(wholePatches(image, patch));                         // [I, P, C]
      x = x.plus(posEmbed.forward(x.workspace(), rows, cols));
      x = norm.forward(EncoderBlock.forward(blocks, x, AttentionMask.NONE, tokens, probe));
      var site = probe.attention("pooling.attentions", probe.tokens(Tokens.Kind.QUERY, 1), tokens);
      return new Encoded(x, attnPool == null ? null : attnPool.forward(x, site));
    }
  }

  /// Crops pictures to whole patches, as the reference's convolution does: 384 pixels are 27 patches of 14.
  private static Tensor wholePatches(Tensor image, int patch) {
    if (image.rank() != 4) throw new InputException("expected pictures [B, 3, H, W], got " + image);
    int height = image.dim(2) / patch * patch, width = image.dim(3) / patch * patch;
    return image.slice(2, 0, height).slice(3, 0, width).contiguous();
  }

  /// The text encoder. It reads a fixed number of tokens, including padding; the features of the last one represent the text.
  ///
  /// @param posEmbed `[positions, C]`
  /// @param head `C → C`
  /// @param logitScale factor of the cosines, already exponentiated
  /// @param logitBias `[1]`, added to the scaled cosines
  record Words(Embedding tokenEmbed, Tensor posEmbed, List<EncoderBlock> blocks, LayerNorm norm, Linear head, float logitScale,
      Tensor logitBias) {
    static Words load(SiglipConfig config, Weights weights) {
      var c = config.text();
      var w = weights.at("text");
      int dim = c.blocks().dim();
      return new Words(
          w.embedding("token_embed", c.vocabSize(), dim),
          w.tensor("pos_embed", c.maxTokens(), dim),
          EncoderBlock.stack(c.depth(), c.blocks(), w),
          w.layerNorm("norm", dim, c.blocks().layerNormEps()),
          w.linear("head", dim, config.projectionSize()),
          (float) Math.exp(weights.scalar("logit_scale")),
          weights.tensor("logit_bias", 1));
    }

    Encoded forward(Tensor ids, Probe probe) {
      var x = tokenEmbed.forward(ids).plus(posEmbed.slice(0, 0, ids.dim(1)));         // [T, N, C]
      x = norm.forward(EncoderBlock.forward(blocks, x, AttentionMask.NONE, probe.tokens(Tokens.Kind.TEXT, ids.dim(1)), probe));
      return new Encoded(x, head.forward(x.select(1, ids.dim(1) - 1).contiguous()));
    }
  }

  /// The results of an encoder.
  ///
  /// @param lastHiddenState after the norm, `[…, N, C]`
  /// @param pooled `[…, C]`; null without a pooling head
  public record Encoded(Tensor lastHiddenState, @Nullable Tensor pooled) {
    public Encoded {
      Objects.requireNonNull(lastHiddenState, "lastHiddenState");
    }

    /// Adds the results with the names of the reference.
    void addTo(Map<String, Tensor> named, String prefix) {
      named.put(prefix + "last_hidden_state", lastHiddenState);
      if (pooled != null) named.put(prefix + "pooler_output", pooled);
    }
  }

  /// As [dev.fovea.models.ModelConfig#load].
  public static Siglip load(SiglipConfig config, Weights w) {
    return new Siglip(config, Visual.load(config, w.at("visual")), config.text() == null ? null : Words.load(config, w));
  }

  /// Encodes pictures `[I, channels, H, W]` with sides of at least one patch.
  ///
  /// @throws InputException if the pictures have another number of channels or are smaller than a patch
  public Encoded encodeImage(Tensor image, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    return visual.forward(image, probe);
  }

  /// Encodes tokens `[T, N]`; padding is read like any other token.
  ///
  /// @throws InputException if there are more tokens than positions
  /// @throws IllegalStateException if the model has no text encoder
  public Encoded encodeText(Tensor ids, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    if (words == null) throw new IllegalStateException("this SigLIP has no encoder of words");
    config.text().check(ids);
    return words.forward(ids, probe);
  }

  @Override
  public @Nullable Tensor answer(Tensor tokens) {
    Objects.requireNonNull(tokens, "tokens");
    return visual.attnPool == null ? null : visual.attnPool.forward(visual.norm.forward(tokens), Probe.Site.NOWHERE).normalized();
  }

  @Override
  public Tensor imageEmbeds(Tensor image) {
    var pooled = encodeImage(image, Probe.NONE).pooled;
    if (pooled == null) throw new IllegalStateException("this SigLIP has no pooling head");
    return pooled.normalized();
  }

  @Override
  public Tensor textEmbeds(Tensor ids, Tensor mask) {
    Objects.requireNonNull(mask, "mask");
    return encodeText(ids, Probe.NONE).pooled.normalized();
  }

  @Override
  public Tensor logits(Tensor imageEmbeds, Tensor textEmbeds) {
    if (words == null) throw new IllegalStateException("this SigLIP has no encoder of words");
    var cosines = imageEmbeds.matmul(textEmbeds.transposed(0, 1), words.logitScale);  // [I, T]
    var each = cosines.reshape(imageEmbeds.dim(0), textEmbeds.dim(0), 1);
    return each.plus(words.logitBias).reshape(cosines.shape());
  }

  @Override
  public Tensor scores(Tensor logits) {
    return logits.activate(Activation.SIGMOID);
  }

  @Override
  public PictureFeatures features(Tensor image) {
    var encoded = encodeImage(image, Probe.NONE);
    return new PictureFeatures(null, encoded.lastHiddenState, encoded.pooled);
  }

  @Override
  public List<Pooling> poolings() {
    return visual.attnPool == null ? List.of(Pooling.PATCH_MEAN) : List.of(Pooling.JOINT, Pooling.PATCH_MEAN);
  }

  @Override
  public boolean takesRest() {
    return true;
  }

  @Override
  public int patchSize() {
    return config.vision().patchSize();
  }

  @Override
  public boolean readsText() {
    return words != null;
  }

  @Override
  public int vocabSize() {
    return config.text() == null ? 0 : config.text().vocabSize();
  }

  @Override
  public int maxTokens() {
    return config.text() == null ? 0 : config.text().maxTokens();
  }

  /// -1: the features of the last token represent the text, whichever token it is.
  @Override
  public int endOfText() {
    return -1;
  }

  @Override
  public int fillsUpWith() {
    return config.padTokenId();
  }

  @Override
  public int commonDim() {
    return config.vision().blocks().dim();
  }

  @Override
  public int minSide() {
    return config.vision().patchSize();
  }

  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    var pixels = config.vision().input(batch, size);
    var text = config.text();
    return text == null ? Map.of(PIXEL_VALUES, pixels)
        : Map.of(PIXEL_VALUES, pixels, INPUT_IDS, ModelInput.tokens(text.vocabSize(), batch, text.maxTokens()));
  }

  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var prefix = words == null ? "" : "vision_model_output.";
    var image = encodeImage(inputs.get(PIXEL_VALUES), probe.at(prefix));
    var named = new LinkedHashMap<>(probe.tensors());
    image.addTo(named, prefix);
    if (words == null) return named;
    var texts = encodeText(inputs.get(INPUT_IDS), probe.at("text_model_output."));
    named.putAll(probe.tensors());
    texts.addTo(named, "text_model_output.");
    named.put("image_embeds", image.pooled.normalized());
    named.put("text_embeds", texts.pooled.normalized());
    var logits = logits(named.get("image_embeds"), named.get("text_embeds"));
    named.put("logits_per_image", logits);
    named.put("logits_per_text", logits.transposed(0, 1).contiguous());
    return named;
  }
}
