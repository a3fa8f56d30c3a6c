package dev.fovea.models.vit;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
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
import dev.fovea.models.ClassifiesPictures;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.EncoderBlock;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.PictureFeatures;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The vision transformer with a classification head (Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021;
/// ref: transformers `models/vit/modeling_vit.py`; timm `vision_transformer.py`, also for the parameter names).
///
/// Shapes: B batch, H × W pixels, P patches, N = 1 + P tokens, C channels.
///
/// @param clsToken `[1, C]`
/// @param posEmbed `[N, C]`; the patches' positions are resampled for pictures of another size
/// @param normPre norm before the blocks; null in most models
/// @param preLogits layer `C → R` before the head, or null (ref: vision_transformer `models_vit.py`, `representation_size`)
public record ViT(ViTConfig config, PatchEmbedding patchEmbed, Tensor clsToken, PositionGrid posEmbed, @Nullable LayerNorm normPre,
    List<EncoderBlock> blocks, LayerNorm norm, @Nullable Linear preLogits, Linear head)
    implements Model, ClassifiesPictures, EmbedsPictures, AnswersEarly {
  public ViT {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(patchEmbed, "patchEmbed");
    Objects.requireNonNull(clsToken, "clsToken");
    Objects.requireNonNull(posEmbed, "posEmbed");
    Objects.requireNonNull(blocks, "blocks");
    Objects.requireNonNull(norm, "norm");
    Objects.requireNonNull(head, "head");
  }

  /// As [dev.fovea.models.ModelConfig#load].
  public static ViT load(ViTConfig c, Weights w) {
    int dim = c.embedDim(), patch = c.patchSize(), representation = c.representationSize();
    return new ViT(c,
        new PatchEmbedding(w.linear("patch_embed.proj", c.numChannels() * patch * patch, dim, !c.preNorm()), c.numChannels(),
            patch),
        w.tensor("cls_token", 1, dim),
        new PositionGrid(w.tensor("pos_embed", 1 + c.rows() * c.cols(), dim), c.rows(), c.cols(), Interpolation.BICUBIC),
        c.preNorm() ? w.layerNorm("norm_pre", dim, c.layerNormEps()) : null,
        EncoderBlock.stack(c.depth(),
        new EncoderBlock.Sizes(dim, c.numHeads(), c.mlpDim(), c.qkvBias(), c.act(), c.layerNormEps()), w),
        w.layerNorm("norm", dim, c.layerNormEps()), representation == 0 ? null : w.linear("pre_logits", dim, representation),
        w.linear("head", representation == 0 ? dim : representation, c.numClasses()));
  }

  /// `[B, channels, H, W]` → logits `[B, classes]`. H and W may be any multiples of the patch size.
  ///
  /// @throws InputException if the picture has another number of channels or is not a whole number of patches
  public Tensor forward(Tensor image, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    return answer(encode(image, probe));
  }

  @Override
  public Tensor answer(Tensor tokens) {
    Objects.requireNonNull(tokens, "tokens");
    var cls = norm.forward(tokens.select(1, 0).contiguous());                         // [B, C]
    return head.forward(preLogits == null ? cls : preLogits.forward(cls, Activation.TANH));
  }

  /// All tokens before the final norm: `[B, channels, H, W]` → `[B, N, C]`.
  private Tensor encode(Tensor image, Probe probe) {
    var x = embed(image);                                                             // [B, N, C]
    int patch = config.patchSize();
    var tokens = probe.tokens(Tokens.Kind.CLASS, 1).and(probe.grid(image.dim(2) / patch, image.dim(3) / patch));
    return EncoderBlock.forward(blocks, x, AttentionMask.NONE, tokens, probe);
  }

  @Override
  public PictureFeatures features(Tensor image) {
    var tokens = norm.forward(encode(image, Probe.NONE));
    return new PictureFeatures(tokens.select(1, 0), tokens.slice(1, 1, tokens.dim(1)), null);
  }

  /// The class token and the patches with their positions: `[B, channels, H, W]` → `[B, N, C]`.
  private Tensor embed(Tensor image) {
    var patches = patchEmbed.forward(image);                                          // [B, P, C]
    var x = Tensor.concat(1, clsToken.expand(image.dim(0)), patches);                 // [B, N, C]
    x = x.plus(posEmbed.forward(x.workspace(), image.dim(2) / config.patchSize(), image.dim(3) / config.patchSize()));
    return normPre == null ? x : normPre.forward(x);
  }

  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    return Map.of(PIXEL_VALUES, ModelInput.pixels(batch, config.numChannels(), config.imageHeight(), config.imageWidth(), size));
  }

  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var logits = forward(inputs.get(PIXEL_VALUES), probe);
    var named = new LinkedHashMap<>(probe.tensors());
    named.put("logits", logits);
    return named;
  }

  @Override
  public int numClasses() {
    return config.numClasses();
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
    return forward(image, Probe.NONE);
  }
}
