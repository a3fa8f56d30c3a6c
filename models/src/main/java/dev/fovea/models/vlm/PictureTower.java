package dev.fovea.models.vlm;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.PictureTowerConfig;
import dev.fovea.models.clip.ClipTower;
import dev.fovea.models.siglip.Siglip;
import dev.fovea.models.siglip.SiglipConfig;
import java.util.Objects;

/// The part of a vision-language model that sees: an encoder of pictures, trained with texts beside them, whose patches the model
/// reads.
///
/// Shapes: I pictures, P patches, C channels.
public sealed interface PictureTower {
  /// `[I, channels, H, W]` → `[I, P, C]`, patches row by row.
  ///
  /// @throws InputException if the pictures have another number of channels, or sides that the encoder does not take
  Tensor forward(Tensor image, Probe probe);

  /// SigLIP's encoder without a head: the patches after the last norm.
  record OfSiglip(Siglip siglip) implements PictureTower {
    public OfSiglip {
      Objects.requireNonNull(siglip, "siglip");
    }

    static OfSiglip load(PictureTowerConfig c, Weights w) {
      return new OfSiglip(Siglip.load(new SiglipConfig(c, null, false, 0, c.blocks().dim()), w));
    }

    @Override
    public Tensor forward(Tensor image, Probe probe) {
      return siglip.encodeImage(image, probe).lastHiddenState();
    }
  }

  /// CLIP's encoder up to one of its blocks: the patches as that block leaves them.
  ///
  /// @param clsToken whether the class token is the first of the patches; otherwise it is left out
  record OfClip(ClipTower clip, boolean clsToken) implements PictureTower {
    public OfClip {
      Objects.requireNonNull(clip, "clip");
    }

    @Override
    public Tensor forward(Tensor image, Probe probe) {
      var x = clip.forward(image, probe);                                             // [I, 1+P, C]
      return clsToken ? x : x.slice(1, 1, x.dim(1)).contiguous();
    }
  }
}
