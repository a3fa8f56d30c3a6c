package dev.fovea.models.vit;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.MultiHeadAttention;
import dev.fovea.engine.nn.PatchEmbedding;
import dev.fovea.engine.nn.PositionGrid;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Interpolation;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// The vision transformer with a classification head (Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021;
/// ref: transformers `models/vit/modeling_vit.py`, timm `vision_transformer.py`, whose parameter names these are).
///
/// Shapes: B batch, H × W pixels, P patches, N = 1 + P tokens, C channels.
///
/// @param clsToken `[1, C]`
/// @param clsPosition `[1, C]`
/// @param positions `[P, C]`, resampled for pictures of another size
public record ViT(ViTConfig config, PatchEmbedding patchEmbed, Tensor clsToken, Tensor clsPosition, PositionGrid positions,
    List<Block> blocks, LayerNorm norm, Linear head) {

  /// What else a pass keeps, beside the logits.
  public record Keep(boolean hiddenStates, boolean attentions) {
    public static final Keep LOGITS = new Keep(false, false);
    public static final Keep ALL = new Keep(true, true);
  }

  /// What a pass computes.
  ///
  /// @param logits `[B, classes]`
  /// @param hiddenStates the embedding, then each block's result, `[B, N, C]` each; empty unless kept
  /// @param attentions each block's maps, `[B, heads, N, N]`; empty unless kept
  public record Output(Tensor logits, List<Tensor> hiddenStates, List<Tensor> attentions) {
    public List<Tensor> tensors() {
      return Stream.of(List.of(logits), hiddenStates, attentions).flatMap(List::stream).toList();
    }
  }

  /// One transformer block: attention, then the feed-forward part, each on a normalised input and added to it.
  record Block(LayerNorm norm1, MultiHeadAttention attn, LayerNorm norm2, Mlp mlp) {
    static Block load(ViTConfig c, Weights w) {
      int dim = c.embedDim();
      return new Block(
          w.layerNorm("norm1", dim, c.layerNormEps()),
          new MultiHeadAttention(w.linear("attn.qkv", dim, 3 * dim, c.qkvBias()), w.linear("attn.proj", dim, dim), c.numHeads()),
          w.layerNorm("norm2", dim, c.layerNormEps()),
          new Mlp(w.linear("mlp.fc1", dim, c.mlpDim()), c.act(), w.linear("mlp.fc2", c.mlpDim(), dim)));
    }

    Tensor forward(Tensor x, Keep keep, List<Tensor> attentions) {
      var normed = norm1.forward(x);                                                  // [B, N, C]
      x = x.plus(keep.attentions() ? attn.forward(normed, attentions::add) : attn.forward(normed));
      return x.plus(mlp.forward(norm2.forward(x)));
    }
  }

  public static ViT load(ViTConfig c, Weights w) {
    int dim = c.embedDim(), patch = c.patchSize();
    var table = w.tensor("pos_embed", 1 + c.rows() * c.cols(), dim);
    return new ViT(c,
        new PatchEmbedding(w.linear("patch_embed.proj", c.numChannels() * patch * patch, dim), c.numChannels(), patch),
        w.tensor("cls_token", 1, dim), table.slice(0, 0, 1),
        new PositionGrid(table.slice(0, 1, 1 + c.rows() * c.cols()), c.rows(), c.cols(), Interpolation.BICUBIC),
        IntStream.range(0, c.depth()).mapToObj(i -> Block.load(c, w.at("blocks").at(i))).toList(),
        w.layerNorm("norm", dim, c.layerNormEps()), w.linear("head", dim, c.numClasses()));
  }

  /// `[B, channels, H, W]` → logits, and what else is to be kept. H and W may be any multiples of the patch size.
  ///
  /// @throws IllegalArgumentException if the picture has other channels or is no whole number of patches
  public Output forward(Tensor image, Keep keep) {
    var hiddenStates = new ArrayList<Tensor>();
    var attentions = new ArrayList<Tensor>();
    var x = embed(image);                                                             // [B, N, C]
    for (var block : blocks) {
      if (keep.hiddenStates()) hiddenStates.add(x);
      x = block.forward(x, keep, attentions);
    }
    if (keep.hiddenStates()) hiddenStates.add(x);
    var cls = x.slice(1, 0, 1).contiguous();                                          // [B, 1, C]
    var logits = head.forward(norm.forward(cls));                                     // [B, 1, classes]
    return new Output(logits.reshape(image.dim(0), config.numClasses()), hiddenStates, attentions);
  }

  /// The class token and the patches, each with its position: `[B, 3, H, W]` → `[B, N, C]`.
  private Tensor embed(Tensor image) {
    var patches = patchEmbed.forward(image);                                          // [B, P, C]
    int batch = image.dim(0), count = patches.dim(1), dim = config.embedDim(), patch = config.patchSize();
    var positioned = patches.plus(positions.forward(patches, image.dim(2) / patch, image.dim(3) / patch));
    var cls = image.allocate(1, dim);
    cls.set(clsToken);
    cls = cls.plus(clsPosition);                                                      // [1, C]
    var x = image.allocate(batch, 1 + count, dim);
    for (int b = 0; b < batch; b++) x.select(0, b).slice(0, 0, 1).set(cls);
    x.slice(1, 1, 1 + count).set(positioned);
    return x;
  }
}
