package dev.fovea.models.dinov2;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.FeedForward;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.LayerScale;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.MultiHeadAttention;
import dev.fovea.engine.nn.PatchEmbedding;
import dev.fovea.engine.nn.PositionGrid;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.SwiGlu;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.models.AnswersEarly;
import dev.fovea.models.ClassifiesPictures;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.PictureFeatures;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// DINOv2, a self-supervised vision transformer (Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision",
/// 2023), with or without registers (Darcet et al., "Vision Transformers Need Registers", 2023), and with or without a linear
/// classifier on its features (ref: facebookresearch/dinov2 `dinov2/models/vision_transformer.py`, also for the parameter names;
/// transformers `models/dinov2` and `models/dinov2_with_registers`).
///
/// Shapes: B batch, H × W pixels, P patches, R registers, N = 1 + R + P tokens, C channels.
///
/// @param clsToken `[1, C]`
/// @param registerTokens `[R, C]`, without positions; null if R is 0
/// @param posEmbed `[1 + P, C]`; the patches' positions are resampled for pictures of another size
/// @param head `2 C → classes`, or null for features only
public record Dinov2(Dinov2Config config, PatchEmbedding patchEmbed, Tensor clsToken, @Nullable Tensor registerTokens,
    PositionGrid posEmbed, List<Block> blocks, LayerNorm norm, @Nullable Linear head) implements Model, ClassifiesPictures,
    EmbedsPictures, AnswersEarly {
  public Dinov2 {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(patchEmbed, "patchEmbed");
    Objects.requireNonNull(clsToken, "clsToken");
    Objects.requireNonNull(posEmbed, "posEmbed");
    Objects.requireNonNull(blocks, "blocks");
    Objects.requireNonNull(norm, "norm");
  }

  /// The results of a pass.
  ///
  /// @param lastHiddenState all tokens after the final norm, `[B, N, C]`: class token, registers, patches in row-major order
  /// @param logits `[B, classes]`, or null without a head
  /// @param registers R
  /// @param rows rows of patches
  /// @param cols columns of patches
  public record Output(Tensor lastHiddenState, @Nullable Tensor logits, int registers, int rows, int cols) {
    public Output {
      Objects.requireNonNull(lastHiddenState, "lastHiddenState");
    }

    /// The class token, `[B, C]`.
    public Tensor clsToken() {
      return lastHiddenState.select(1, 0);
    }

    /// The register tokens, `[B, R, C]`, which do not belong to a patch.
    public Tensor registerTokens() {
      return lastHiddenState.slice(1, 1, 1 + registers);
    }

    /// The patch tokens in row-major order, `[B, rows · cols, C]`.
    public Tensor patchTokens() {
      return lastHiddenState.slice(1, 1 + registers, lastHiddenState.dim(1));
    }
  }

  /// One pre-norm transformer block: attention, then the feed-forward part, each with a layer scale and a residual connection.
  record Block(LayerNorm norm1, MultiHeadAttention attn, LayerScale ls1, LayerNorm norm2, FeedForward mlp, LayerScale ls2) {
    static Block load(Dinov2Config c, Weights w) {
      int dim = c.embedDim();
      return new Block(
          w.layerNorm("norm1", dim, c.layerNormEps()),
          new MultiHeadAttention(w.linear("attn.qkv", dim, 3 * dim, c.qkvBias()), w.linear("attn.proj", dim, dim), c.numHeads()),
          w.layerScale("ls1", dim),
          w.layerNorm("norm2", dim, c.layerNormEps()),
          c.swiGlu() ? swiGlu(c, w.at("mlp")) : mlp(c, w.at("mlp")),
          w.layerScale("ls2", dim));
    }

    private static Mlp mlp(Dinov2Config c, Weights w) {
      return new Mlp(w.linear("fc1", c.embedDim(), c.hiddenDim()), c.act(), w.linear("fc2", c.hiddenDim(), c.embedDim()));
    }

    private static SwiGlu swiGlu(Dinov2Config c, Weights w) {
      int dim = c.embedDim(), hidden = c.hiddenDim();
      return new SwiGlu(w.linear("w1", dim, hidden), w.linear("w2", dim, hidden), w.linear("w3", hidden, dim));
    }

    Tensor forward(Tensor x, Probe.Site site) {                                       // [B, N, C]
      x = x.plus(ls1.forward(attn.forward(norm1.forward(x), AttentionMask.NONE, site)));
      return x.plus(ls2.forward(mlp.forward(norm2.forward(x))));
    }
  }

  /// As [dev.fovea.models.ModelConfig#load].
  public static Dinov2 load(Dinov2Config c, Weights w) {
    int dim = c.embedDim(), patch = c.patchSize();
    return new Dinov2(c,
        new PatchEmbedding(w.linear("patch_embed.proj", c.numChannels() * patch * patch, dim), c.numChannels(), patch),
        w.tensor("cls_token", 1, dim),
        c.numRegisterTokens() == 0 ? null : w.tensor("register_tokens", c.numRegisterTokens(), dim),
        new PositionGrid(w.tensor("pos_embed", 1 + c.rows() * c.cols(), dim), c.rows(), c.cols(), c.interpolation()),
        IntStream.range(0, c.depth()).mapToObj(i -> Block.load(c, w.at("blocks").at(i))).toList(),
        w.layerNorm("norm", dim, c.layerNormEps()),
        c.numClasses() == 0 ? null : w.linear("head", 2 * dim, c.numClasses()));
  }

  /// Computes the features of pictures `[B, channels, H, W]`. H and W may be any multiples of the patch size.
  ///
  /// @throws InputException if the picture has another number of channels or is not a whole number of patches
  public Output forward(Tensor image, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    int registers = config.numRegisterTokens(), rows = image.dim(2) / config.patchSize(), cols = image.dim(3) / config.patchSize();
    var tokens = probe.tokens(Tokens.Kind.CLASS, 1).and(probe.tokens(Tokens.Kind.REGISTER, registers)).and(probe.grid(rows, cols));
    var x = probe.see("hidden_states", 0, embed(image));                              // [B, N, C]
    for (int i = 0; i < blocks.size(); i++)
      x = probe.see("hidden_states", i + 1, blocks.get(i).forward(x, probe.attention(i, tokens, tokens)));
    x = norm.forward(x);
    return new Output(x, head == null ? null : classify(x), registers, rows, cols);
  }

  /// The class token and the patches with their positions, and the registers between them: `[B, channels, H, W]` → `[B, N, C]`.
  private Tensor embed(Tensor image) {
    int batch = image.dim(0), patch = config.patchSize();
    var patches = patchEmbed.forward(image);                                          // [B, P, C]
    var x = Tensor.concat(1, clsToken.expand(batch), patches);                        // [B, 1+P, C]
    x = x.plus(posEmbed.forward(x.workspace(), image.dim(2) / patch, image.dim(3) / patch));
    if (registerTokens == null) return x;
    return Tensor.concat(1, x.slice(1, 0, 1), registerTokens.expand(batch), x.slice(1, 1, x.dim(1)));
  }

  /// The linear classifier on the class token and the mean of the patches: `[B, N, C]` → `[B, classes]`.
  private Tensor classify(Tensor x) {
    var patches = x.slice(1, 1 + config.numRegisterTokens(), x.dim(1));               // [B, P, C]
    return head.forward(Tensor.concat(1, x.select(1, 0), patches.mean(1)));           // [B, 2C] → [B, classes]
  }

  @Override
  public @Nullable Tensor answer(Tensor tokens) {
    Objects.requireNonNull(tokens, "tokens");
    return head == null ? null : classify(norm.forward(tokens));
  }

  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    return Map.of(PIXEL_VALUES, ModelInput.pixels(batch, config.numChannels(), config.imageHeight(), config.imageWidth(), size));
  }

  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var output = forward(inputs.get(PIXEL_VALUES), probe);
    var named = new LinkedHashMap<>(probe.tensors());
    named.put("last_hidden_state", output.lastHiddenState);
    named.put("pooler_output", output.clsToken());
    if (output.logits != null) named.put("logits", output.logits);
    return named;
  }

  @Override
  public int numClasses() {
    return config.numClasses();
  }

  @Override
  public PictureFeatures features(Tensor image) {
    var output = forward(image, Probe.NONE);
    return new PictureFeatures(output.clsToken(), output.patchTokens(), null);
  }

  @Override
  public int patchSize() {
    return config.patchSize();
  }

  @Override
  public int minSide() {
    return config.patchSize();
  }

  @Override
  public Tensor logits(Tensor image) {
    var logits = forward(image, Probe.NONE).logits;
    if (logits == null) throw new IllegalStateException("this DINOv2 has no classification head");
    return logits;
  }
}
