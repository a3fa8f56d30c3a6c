package dev.fovea.models.swin;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.PatchEmbedding;
import dev.fovea.engine.nn.PatchMerging;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.ShiftedWindowAttention;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// Swin, a vision transformer with attention in windows and maps of several sizes, as the backbone of another model (Liu et al.,
/// "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", 2021; ref: transformers
/// `models/swin/modeling_swin.py`, `SwinBackbone`).
///
/// Shapes: B pictures, H × W size of a stage's map, C channels of a stage.
///
/// @param norms the norm of each result
public record Swin(SwinConfig config, PatchEmbedding patchEmbed, LayerNorm patchNorm, List<Stage> stages, List<LayerNorm> norms) {
  public Swin {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(patchEmbed, "patchEmbed");
    Objects.requireNonNull(patchNorm, "patchNorm");
    Objects.requireNonNull(stages, "stages");
    Objects.requireNonNull(norms, "norms");
  }

  /// A pre-norm transformer block.
  record Block(LayerNorm norm1, ShiftedWindowAttention attn, LayerNorm norm2, Mlp mlp) {
    static Block load(SwinConfig c, int stage, int index, Weights w) {
      int dim = c.dim(stage), heads = c.stages().get(stage).numHeads(), hidden = (int) (c.mlpRatio() * dim);
      int size = c.windowSize(), sides = 2 * size - 1;
      return new Block(
          w.layerNorm("norm1", dim, c.layerNormEps()),
          new ShiftedWindowAttention(w.linear("attn.qkv", dim, 3 * dim, c.qkvBias()), w.linear("attn.proj", dim, dim), heads,
              w.tensor("attn.rel_pos_bias", sides * sides, heads), size, index % 2 == 0 ? 0 : size / 2),
          w.layerNorm("norm2", dim, c.layerNormEps()),
          new Mlp(w.linear("mlp.fc1", dim, hidden), c.act(), w.linear("mlp.fc2", hidden, dim)));
    }

    Tensor forward(Tensor x, Probe.Site site) {                                       // [B, H, W, C]
      x = attn.addedTo(x, norm1.forward(x), site);
      return mlp.addedTo(x, norm2.forward(x));
    }
  }

  /// The blocks on one map, and the reduction to the next map.
  ///
  /// @param downsample null in the last stage
  record Stage(List<Block> blocks, @Nullable PatchMerging downsample) {
    static Stage load(SwinConfig c, int stage, Weights w) {
      int dim = c.dim(stage);
      boolean isLast = stage + 1 == c.stages().size();
      return new Stage(
          IntStream.range(0, c.stages().get(stage).depth()).mapToObj(i -> Block.load(c, stage, i, w.at("blocks").at(i))).toList(),
          isLast ? null : new PatchMerging(w.layerNorm("downsample.norm", 4 * dim, SwinConfig.DEFAULT_EPS),
              w.linear("downsample.reduction", 4 * dim, 2 * dim, false)));
    }

    /// @param first index of the first block among the blocks of all stages
    Tensor forward(Tensor x, int first, Probe probe) {                                // [B, H, W, C]
      var places = probe.grid(x.dim(1), x.dim(2));
      for (int i = 0; i < blocks.size(); i++) x = blocks.get(i).forward(x, probe.attention(first + i, places, places));
      return x;
    }
  }

  /// The backbone with the parameters below `w`, which it uses where they are.
  public static Swin load(SwinConfig c, Weights w) {
    int patch = c.patchSize();
    return new Swin(c,
        new PatchEmbedding(w.linear("patch_embed.proj", c.numChannels() * patch * patch, c.embedDim()), c.numChannels(), patch),
        w.layerNorm("patch_embed.norm", c.embedDim(), SwinConfig.DEFAULT_EPS),
        IntStream.range(0, c.stages().size()).mapToObj(i -> Stage.load(c, i, w.at("stages").at(i))).toList(),
        c.outIndices().stream().map(index -> w.at("norms").layerNorm(Integer.toString(index - 1), c.dim(index - 1),
            SwinConfig.DEFAULT_EPS)).toList());
  }

  /// The maps of the stages that are results: `[B, channels, height, width]` → `[B, H, W, C]` each. Pictures of any size are padded
  /// with zeros below and on the right to whole patches.
  ///
  /// @param probe receives `attentions.N`, with `N` counting the blocks of all stages, and `hidden_states.N`, the embedding and
  ///     each stage's map before its reduction
  /// @throws InputException if the picture has another number of channels or is empty
  public List<Tensor> forward(Tensor image, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    if (image.rank() != 4 || image.dim(1) != config.numChannels() || image.dim(2) < 1 || image.dim(3) < 1)
      throw new InputException("expected pictures [B, " + config.numChannels() + ", H, W], got " + image);
    int patch = config.patchSize(), rows = Math.ceilDiv(image.dim(2), patch), cols = Math.ceilDiv(image.dim(3), patch);
    var patches = patchEmbed.forward(PatchMerging.padded(image, 2, rows * patch, cols * patch));
    var x = patchNorm.forward(patches).reshape(image.dim(0), rows, cols, config.embedDim());
    probe.see("hidden_states", 0, x);
    var maps = new ArrayList<Tensor>();
    int first = 0;
    for (int i = 0; i < stages.size(); i++) {
      var stage = stages.get(i);
      x = probe.see("hidden_states", i + 1, stage.forward(x, first, probe));
      int out = config.outIndices().indexOf(i + 1);
      if (out >= 0) maps.add(norms.get(out).forward(x));
      if (maps.size() == norms.size()) break;
      if (stage.downsample != null) x = stage.downsample.forward(x);
      first += stage.blocks.size();
    }
    return maps;
  }
}
