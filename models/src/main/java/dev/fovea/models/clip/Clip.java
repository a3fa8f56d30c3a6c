package dev.fovea.models.clip;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Attention;
import dev.fovea.engine.nn.Embedding;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Interpolation;
import dev.fovea.models.AnswersEarly;
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
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// CLIP, trained to match pictures and texts by a contrastive loss (Radford et al., "Learning Transferable Visual Models From
/// Natural Language Supervision", 2021; ref: openai/CLIP `clip/model.py`, transformers `models/clip/modeling_clip.py`).
///
/// Shapes: I pictures, T texts, P patches, N tokens, C channels of a tower, D dimensions of the common space.
///
/// @param words the text encoder and the logit scale, or null for a model with only the image encoder
public record Clip(ClipConfig config, Visual visual, @Nullable Words words) implements Model, JoinsPicturesAndText, EmbedsPictures,
    AnswersEarly {
  public Clip {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(visual, "visual");
  }

  /// The image encoder.
  ///
  /// @param norm norm of the class token after the blocks
  /// @param proj `C → D`
  record Visual(ClipTower tower, LayerNorm norm, Linear proj) {
    static Visual load(ClipConfig config, Weights w) {
      var c = config.vision();
      int dim = c.blocks().dim();
      return new Visual(ClipTower.load(c, c.depth(), w), w.layerNorm("norm", dim, c.blocks().layerNormEps()),
          w.linear("proj", dim, config.projectionDim(), false));
    }

    Encoded forward(Tensor image, Probe probe) {
      return answer(tower.forward(image, probe));
    }

    Encoded answer(Tensor x) {                                                        // [I, 1+P, C]
      var pooled = norm.forward(x.select(1, 0).contiguous());                         // [I, C]
      return new Encoded(x, pooled, proj.forward(pooled));
    }
  }

  /// The text encoder. Its attention is causal, so the token at the end of a text has seen the whole text.
  ///
  /// @param posEmbed `[positions, C]`
  /// @param proj `C → D`
  /// @param logitScale factor of the cosines, already exponentiated
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
      x = norm.forward(EncoderBlock.forward(blocks, x, Attention.causal(mask), probe.tokens(Tokens.Kind.TEXT, ids.dim(1)), probe));
      var pooled = x.rows(ends(ids));                                                 // [T, C]
      return new Encoded(x, pooled, proj.forward(pooled));
    }

    /// The index of each text's end token among all tokens: `[T, N]` → `[T]`. For [ClipConfig#LARGEST_TOKEN], this is the first
    /// occurrence of the text's largest token id.
    private Tensor ends(Tensor ids) {
      if (eosTokenId != ClipConfig.LARGEST_TOKEN) return ids.find(eosTokenId);
      int texts = ids.dim(0);
      var inText = ids.reshape(texts, 1, 1, ids.dim(1)).argmax(1, 1, Interpolation.BILINEAR).reshape(texts);
      return inText.plus(starts(texts, ids.dim(1)));
    }

    /// The index of each text's first token among all tokens: `[T]`.
    private static Tensor starts(int texts, int tokens) {
      var starts = new float[texts];
      for (int t = 0; t < texts; t++) starts[t] = t * tokens;
      return Tensor.of(Arena.ofAuto(), starts, texts);
    }
  }

  /// The results of an encoder.
  ///
  /// @param lastHiddenState `[…, N, C]`, before the norm for pictures and after it for texts, as in the reference
  /// @param pooled `[…, C]`
  /// @param projected `[…, D]`
  public record Encoded(Tensor lastHiddenState, Tensor pooled, Tensor projected) {
    public Encoded {
      Objects.requireNonNull(lastHiddenState, "lastHiddenState");
      Objects.requireNonNull(pooled, "pooled");
      Objects.requireNonNull(projected, "projected");
    }

    /// The embedding in the common space: `[…, D]`, of length 1.
    public Tensor embeds() {
      return projected.normalized();
    }

    /// Adds the results with the names of the reference.
    void addTo(Map<String, Tensor> named, String prefix) {
      named.put(prefix + "last_hidden_state", lastHiddenState);
      named.put(prefix + "pooler_output", pooled);
    }
  }

  /// As [dev.fovea.models.ModelConfig#load].
  public static Clip load(ClipConfig config, Weights w) {
    return new Clip(config, Visual.load(config, w.at("visual")), config.text() == null ? null : Words.load(config, w));
  }

  /// Encodes pictures `[I, channels, H, W]`, with any multiples of the patch size as sides.
  ///
  /// @throws InputException if the pictures have another number of channels or are not a whole number of patches
  public Encoded encodeImage(Tensor image, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    return visual.forward(image, probe);
  }

  /// Encodes tokens `[T, N]`; `mask` is 0 for tokens and `-∞` for padding. Each text must contain the token [#endOfText()], unless
  /// that is -1.
  ///
  /// @throws InputException if there are more tokens than positions
  /// @throws IllegalStateException if the model has no text encoder
  public Encoded encodeText(Tensor ids, Tensor mask, Probe probe) {
    Objects.requireNonNull(mask, "mask");
    Objects.requireNonNull(probe, "probe");
    if (words == null) throw new IllegalStateException("this CLIP has no encoder of words");
    config.text().check(ids);
    return words.forward(ids, mask, probe);
  }

  @Override
  public Tensor answer(Tensor tokens) {
    return visual.answer(Objects.requireNonNull(tokens, "tokens")).embeds();
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

  /// The class token after its norm and before the projection; the patches without a norm, because CLIP trained none for them.
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
  public int commonDim() {
    return config.projectionDim();
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

  /// Without a text encoder, `image_embeds` is not normalised, as in the reference.
  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
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
