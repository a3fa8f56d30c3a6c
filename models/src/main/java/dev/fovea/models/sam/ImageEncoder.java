package dev.fovea.models.sam;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Conv2d;
import dev.fovea.engine.nn.GridAttention;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.MapWindows;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.PatchEmbedding;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Window;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// The image encoder of Segment Anything, its expensive part: a plain vision transformer with windowed attention in most blocks (Li
/// et al., "Exploring Plain Vision Transformer Backbones for Object Detection", 2022; ref: segment_anything
/// `modeling/image_encoder.py`, `ImageEncoderViT`).
///
/// Shapes: B batch, S × S pixels, G × G patches, C channels, D channels of the result.
///
/// @param posEmbed `[G, G, C]`
public record ImageEncoder(SamConfig.ImageEncoder config, PatchEmbedding patchEmbed, Tensor posEmbed, List<Block> blocks,
    Neck neck) {
  public ImageEncoder {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(patchEmbed, "patchEmbed");
    Objects.requireNonNull(posEmbed, "posEmbed");
    Objects.requireNonNull(blocks, "blocks");
    Objects.requireNonNull(neck, "neck");
  }

  /// A transformer block.
  ///
  /// @param windows the windows, or null for global attention
  record Block(LayerNorm norm1, GridAttention attn, @Nullable MapWindows windows, LayerNorm norm2, Mlp mlp) {
    static Block load(SamConfig.ImageEncoder c, int index, Weights w) {
      int dim = c.embedDim(), headDim = dim / c.numHeads();
      boolean global = c.globalAttention().contains(index);
      int positions = 2 * (global ? c.gridSize() : c.windowSize()) - 1;
      var attn = new GridAttention(w.linear("attn.qkv", dim, 3 * dim, c.qkvBias()), w.linear("attn.proj", dim, dim), c.numHeads(),
          w.tensor("attn.rel_pos_h", positions, headDim), w.tensor("attn.rel_pos_w", positions, headDim));
      return new Block(
          w.layerNorm("norm1", dim, c.layerNormEps()), attn, global ? null : attn.windows(c.windowSize()),
          w.layerNorm("norm2", dim, c.layerNormEps()),
          new Mlp(w.linear("mlp.fc1", dim, c.mlpDim()), c.act(), w.linear("mlp.fc2", c.mlpDim(), dim)));
    }

    Tensor forward(Tensor x, Probe.Site site) {                                       // [B, G, G, C]
      var normed = norm1.forward(x);
      x = windows == null ? attn.addedTo(x, normed, site) : attn.addedTo(x, normed, windows, site);
      return mlp.addedTo(x, norm2.forward(x));
    }
  }

  /// Two convolutions that reduce the channels to those of the decoder.
  record Neck(Conv2d conv1, LayerNorm norm1, Conv2d conv2, LayerNorm norm2) {
    private static final float EPS = 1e-6f;

    static Neck load(int in, int out, Weights w) {
      return new Neck(w.conv2d("conv1", in, out, Window.square(1), false), w.layerNorm("norm1", out, EPS),
          w.conv2d("conv2", out, out, Window.square(3).pad(1), false), w.layerNorm("norm2", out, EPS));
    }

    Tensor forward(Tensor x) {
      return norm2.forward(conv2.forward(norm1.forward(conv1.forward(x))));
    }
  }

  /// The encoder with the parameters below `w`, which it uses where they are.
  public static ImageEncoder load(SamConfig config, Weights w) {
    var c = config.vision();
    int dim = c.embedDim(), patch = c.patchSize(), grid = c.gridSize();
    return new ImageEncoder(c,
        new PatchEmbedding(w.linear("patch_embed.proj", c.numChannels() * patch * patch, dim), c.numChannels(), patch),
        w.tensor("pos_embed", grid, grid, dim),
        IntStream.range(0, c.depth()).mapToObj(i -> Block.load(c, i, w.at("blocks").at(i))).toList(),
        Neck.load(dim, config.dim(), w.at("neck")));
  }

  /// `[B, channels, S, S]` → `[B, G, G, D]`.
  ///
  /// @param probe receives `hidden_states.N`, the embedding and each block's result, and `attentions.N`
  /// @throws InputException if the pictures have another size
  public Tensor forward(Tensor image, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    int size = config.imageSize(), grid = config.gridSize();
    if (image.rank() != 4 || image.dim(2) != size || image.dim(3) != size)
      throw new InputException("expected pictures [B, " + config.numChannels() + ", " + size + ", " + size + "], got " + image);
    var patches = patchEmbed.forward(image);                                          // [B, G², C]
    var x = patches.reshape(image.dim(0), grid, grid, config.embedDim()).plus(posEmbed);
    var tokens = probe.grid(grid, grid);
    probe.see("hidden_states", 0, x);
    for (int i = 0; i < blocks.size(); i++)
      x = probe.see("hidden_states", i + 1, blocks.get(i).forward(x, probe.attention(i, tokens, tokens)));
    return neck.forward(x);
  }
}
