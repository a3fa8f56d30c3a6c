package dev.fovea.models.clip;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.PatchEmbedding;
import dev.fovea.engine.nn.PositionGrid;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Interpolation;
import dev.fovea.models.EncoderBlock;
import dev.fovea.models.PictureTowerConfig;
import java.util.List;
import java.util.Objects;

/// CLIP's image encoder up to one of its blocks, without the norm and the projection of the class token (ref: transformers
/// `models/clip/modeling_clip.py`, `CLIPVisionTransformer`).
///
/// Shapes: I pictures, P patches, C channels.
///
/// @param clsToken `[1, C]`
/// @param posEmbed `[1 + P, C]`; the patches' positions are resampled for pictures of another size
/// @param normPre norm before the blocks
public record ClipTower(PatchEmbedding patchEmbed, Tensor clsToken, PositionGrid posEmbed, LayerNorm normPre,
    List<EncoderBlock> blocks) {
  public ClipTower {
    Objects.requireNonNull(patchEmbed, "patchEmbed");
    Objects.requireNonNull(clsToken, "clsToken");
    Objects.requireNonNull(posEmbed, "posEmbed");
    Objects.requireNonNull(normPre, "normPre");
    blocks = List.copyOf(Objects.requireNonNull(blocks, "blocks"));
  }

  /// Reads the parameters below `w`.
  ///
  /// @param depth number of blocks, at most those of the config
  public static ClipTower load(PictureTowerConfig c, int depth, Weights w) {
    Objects.requireNonNull(c, "c");
    Objects.requireNonNull(w, "w");
    int dim = c.blocks().dim(), patch = c.patchSize();
    return new ClipTower(
        new PatchEmbedding(w.linear("patch_embed.proj", c.numChannels() * patch * patch, dim, false), c.numChannels(), patch),
        w.tensor("cls_token", 1, dim),
        new PositionGrid(w.tensor("pos_embed", 1 + c.rows() * c.cols(), dim), c.rows(), c.cols(), Interpolation.BICUBIC),
        w.layerNorm("norm_pre", dim, c.blocks().layerNormEps()),
        EncoderBlock.stack(depth, c.blocks(), w));
  }

  /// `[I, channels, H, W]` → `[I, 1 + P, C]`: the class token, then the patches, as the last block leaves them.
  ///
  /// @throws InputException if the pictures have another number of channels or are not a whole number of patches
  public Tensor forward(Tensor image, Probe probe) {
    Objects.requireNonNull(image, "image");
    Objects.requireNonNull(probe, "probe");
    var patches = patchEmbed.forward(image);                                          // [I, P, C]
    int rows = image.dim(2) / patchEmbed.patchSize(), cols = image.dim(3) / patchEmbed.patchSize();
    var x = Tensor.concat(1, clsToken.expand(image.dim(0)), patches);                 // [I, 1+P, C]
    x = normPre.forward(x.plus(posEmbed.forward(x.workspace(), rows, cols)));
    var tokens = probe.tokens(Tokens.Kind.CLASS, 1).and(probe.grid(rows, cols));
    return EncoderBlock.forward(blocks, x, AttentionMask.NONE, tokens, probe);
  }
}
