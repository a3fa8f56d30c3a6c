package dev.fovea.models.clip;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Attention;
import dev.fovea.engine.nn.Embedding;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.PatchEmbedding;
import dev.fovea.engine.nn.PositionGrid;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Interpolation;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.EncoderBlock;
import dev.fovea.models.JoinsPicturesAndText;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.PictureFeatures;
import dev.fovea.models.Pooling;
import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// CLIP, which learnt to tell which text belongs to which picture (Radford et al., "Learning Transferable Visual Models From
/// Natural Language Supervision", 2021; ref: openai/CLIP `clip/model.py`, transformers `models/clip/modeling_clip.py`).
///
/// Shapes: I pictures, T texts, P patches, N tokens, C channels of a tower, D dimensions of the common space.
///
/// @param words the encoder of words and what compares its texts with pictures, or null for a model of pictures alone
public record Clip(ClipConfig config, Visual visual, @Nullable Words words) implements Model, JoinsPicturesAndText, EmbedsPictures {

  /// The encoder of pictures.
  ///
  /// @param clsToken `[1, C]`
  /// @param posEmbed `[1 + P, C]`, the patches' resampled for pictures of another size
  /// @param normPre before the blocks
  /// @param norm of the class token, after the blocks
  /// @param proj `C → D`
  record Visual(PatchEmbedding patchEmbed, Tensor clsToken, PositionGrid posEmbed, LayerNorm normPre, List<EncoderBlock> blocks,
      LayerNorm norm, Linear proj) {
    static Visual load(ClipConfig config, Weights w) {
      var c = config.vision();
      int dim = c.blocks().dim(), patch = c.patchSize();
      return new Visual(
          new PatchEmbedding(w.linear("patch_embed.proj", c.numChannels() * patch * patch, dim, false), c.numChannels(), patch),
          w.tensor("cls_token", 1, dim),
          new PositionGrid(w.tensor("pos_embed", 1 + c.rows() * c.cols(), dim), c.rows(), c.cols(), Interpolation.BICUBIC),
          w.layerNorm("norm_pre", dim, c.blocks().layerNormEps()),
          EncoderBlock.stack(c.depth(), c.blocks(), w),
          w.layerNorm("norm", dim, c.blocks().layerNormEps()),
          w.linear("proj", dim, config.projectionDim(), false));
    }

    Encoded forward(Tensor image, Probe probe) {
      int patch = patchEmbed.patchSize(), rows = image.dim(2) / patch, cols = image.dim(3) / patch;
      var patches = patchEmbed.forward(image);                                        // [I, P, C]
      var x = Tensor.concat(1, clsToken.expand(image.dim(0)), patches);               // [I, 1+P, C]
      x = normPre.forward(x.plus(posEmbed.forward(x.workspace(), rows, cols)));
      var tokens = Tokens.of(Tokens.Kind.CLASS, 1).and(Tokens.grid(rows, cols));
      x = EncoderBlock.forward(blocks, x, AttentionMask.NONE, tokens, probe);
      var pooled = norm.forward(x.select(1, 0).contiguous());                         // [I, C]
      return new Encoded(x, pooled, proj.forward(pooled));
    }
  }

  /// The encoder of words. A token sees those before it; the one that ends the text has seen them all.
  ///
  /// @param posEmbed `[positions, C]`
  /// @param proj `C → D`
  /// @param logitScale what cosines are multiplied by, already exponentiated
  record Words(int eosTokenId, Embedding tokenEmbed, Tensor posEmbed, List<EncoderBlock> blocks, LayerNorm norm, Linear proj,
      float logitScale) {
    static Words load(ClipConfig config, Weights weights) {
      var c = config.text();
      var w = weights.at("text");
      int dim = c.blocks().dim();
      return new Words(config.eosTokenId(),
          w.embedding("token_embed", c.vocabSize(), dim),
          w.tensor("pos_embed", c.maxTokens(), dim),
          EncoderBlock.stack(c.depth(), c.blocks(), w),
          w.layerNorm("norm", dim, c.blocks().layerNormEps()),
          w.linear("proj", dim, config.projectionDim(), false),
          (float) Math.exp(weights.scalar("logit_scale")));
    }

    Encoded forward(Tensor ids, Tensor mask, Probe probe) {
      var x = tokenEmbed.forward(ids).plus(posEmbed.slice(0, 0, ids.dim(1)));         // [T, N, C]
      x = norm.forward(EncoderBlock.forward(blocks, x, Attention.causal(mask), Tokens.of(Tokens.Kind.TEXT, ids.dim(1)), probe));
      var pooled = x.rows(ends(ids));                                                 // [T, C]
      return new Encoded(x, pooled, proj.forward(pooled));
    }

    /// Where each text ends, counted over all tokens: `[T, N]` → `[T]`. For [ClipConfig#LARGEST_TOKEN] that is the first of the
    /// largest tokens of a text.
    private Tensor ends(Tensor ids) {
      if (eosTokenId != ClipConfig.LARGEST_TOKEN) return ids.find(eosTokenId);
      int texts = ids.dim(0);
      var inText = ids.reshape(texts, 1, 1, ids.dim(1)).argmax(1, 1, Interpolation.BILINEAR).reshape(texts);
      return inText.plus(starts(texts, ids.dim(1)));
    }

    /// The number of each text's first token, counted over all tokens: `[T]`.
    private static Tensor starts(int texts, int tokens) {
      var starts = new float[texts];
      for (int t = 0; t < texts; t++) starts[t] = t * tokens;
      return Tensor.of(Arena.ofAuto(), starts, texts);
    }
  }

  /// What a tower computes.
  ///
  /// @param lastHiddenState `[…, N, C]`: of pictures before the norm, of words after it, as the reference has it
  /// @param pooled `[…, C]`
  /// @param projected `[…, D]`
  public record Encoded(Tensor lastHiddenState, Tensor pooled, Tensor projected) {
    /// Where it is in the common space: `[…, D]`, of length 1.
    public Tensor embeds() {
      return projected.normalized();
    }

    /// Adds them under the reference's names.
    void addTo(Map<String, Tensor> named, String prefix) {
      named.put(prefix + "last_hidden_state", lastHiddenState);
      named.put(prefix + "pooler_output", pooled);
    }
  }

  public static Clip load(ClipConfig config, Weights w) {
    return new Clip(config, Visual.load(config, w.at("visual")), config.text() == null ? null : Words.load(config, w));
  }

  /// Pictures `[I, channels, H, W]`, whose sides may be any multiples of the patch size.
  ///
  /// @throws InputException if the pictures have other channels or are no whole number of patches
  public Encoded encodeImage(Tensor image, Probe probe) {
    return visual.forward(image, probe);
  }

  /// Tokens `[T, N]`, with 0 in `mask` where a token counts and `-∞` where it is padding. Each text holds the token of
  /// [#endOfText()], where there is one.
  ///
  /// @throws InputException if there are more tokens than positions
  /// @throws IllegalStateException if there is no encoder of words
  public Encoded encodeText(Tensor ids, Tensor mask, Probe probe) {
    if (words == null) throw new IllegalStateException("this CLIP has no encoder of words");
    config.text().check(ids);
    return words.forward(ids, mask, probe);
  }

  @Override
  public Tensor imageEmbeds(Tensor image) {
    return encodeImage(image, Probe.NONE).embeds();
  }

  @Override
  public Tensor textEmbeds(Tensor ids, Tensor mask) {
    return encodeText(ids, mask, Probe.NONE).embeds();
  }

  @Override
  public Tensor logits(Tensor imageEmbeds, Tensor textEmbeds) {
    if (words == null) throw new IllegalStateException("this CLIP has no encoder of words");
    return imageEmbeds.matmul(textEmbeds.transposed(0, 1), words.logitScale);
  }

  @Override
  public Tensor scores(Tensor logits) {
    return logits.softmax();
  }

  /// The class token after its norm, before the projection; the patches as the blocks leave them, for CLIP trained no norm on them.
  @Override
  public PictureFeatures features(Tensor image) {
    var encoded = encodeImage(image, Probe.NONE);
    return new PictureFeatures(encoded.pooled, encoded.lastHiddenState.slice(1, 1, encoded.lastHiddenState.dim(1)),
        encoded.embeds());
  }

  @Override
  public List<Pooling> poolings() {
    return List.of(Pooling.JOINT, Pooling.CLASS_TOKEN, Pooling.PATCH_MEAN, Pooling.BOTH);
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

  @Override
  public int endOfText() {
    return config.eosTokenId() == ClipConfig.LARGEST_TOKEN ? -1 : config.eosTokenId();
  }

  @Override
  public int fillsUpWith() {
    return -1;
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
        : Map.of(PIXEL_VALUES, pixels, INPUT_IDS, ModelInput.tokens(text.vocabSize(), batch, text.maxTokens()),
            ATTENTION_MASK, ModelInput.mask(INPUT_IDS, batch, text.maxTokens()));
  }

  /// The reference's encoder of pictures alone leaves `image_embeds` at the length that it has.
  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    var prefix = words == null ? "" : "vision_model_output.";
    var image = encodeImage(inputs.get(PIXEL_VALUES), probe.at(prefix));
    var named = new LinkedHashMap<>(probe.tensors());
    image.addTo(named, prefix);
    if (words == null) {
      named.put("image_embeds", image.projected);
      return named;
    }
    var texts = encodeText(inputs.get(INPUT_IDS), inputs.get(ATTENTION_MASK), probe.at("text_model_output."));
    named.putAll(probe.tensors());
    texts.addTo(named, "text_model_output.");
    named.put("image_embeds", image.embeds());
    named.put("text_embeds", texts.embeds());
    var logits = logits(named.get("image_embeds"), named.get("text_embeds"));
    named.put("logits_per_image", logits);
    named.put("logits_per_text", logits.transposed(0, 1).contiguous());
    return named;
  }
}
