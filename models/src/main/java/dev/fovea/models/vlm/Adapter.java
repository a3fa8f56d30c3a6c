package dev.fovea.models.vlm;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import java.util.Objects;

/// The part of a vision-language model that maps what the picture tower sees to the decoder's space.
///
/// Shapes: I pictures, P patches, C channels of the tower, T tokens of a picture, D channels of the decoder.
public sealed interface Adapter {
  /// `[I, P, C]` → `[I, T, D]`.
  Tensor forward(Tensor patches);

  /// Two linear layers for each patch: `T = P` (Liu et al., "Improved Baselines with Visual Instruction Tuning", 2023; ref:
  /// transformers `models/llava/modeling_llava.py`, `LlavaMultiModalProjector`; `models/deepseek_vl/modeling_deepseek_vl.py`,
  /// `DeepseekVLAligner`).
  ///
  /// @param mlp `C → D → D`
  record TwoLayers(Mlp mlp) implements Adapter {
    public TwoLayers {
      Objects.requireNonNull(mlp, "mlp");
    }

    /// @param from channels of the tower
    /// @param to channels of the decoder
    static TwoLayers load(int from, int to, Activation act, boolean bias, Weights w) {
      return new TwoLayers(new Mlp(w.linear("fc1", from, to, bias), act, w.linear("fc2", to, to, bias)));
    }

    @Override
    public Tensor forward(Tensor patches) {
      Objects.requireNonNull(patches, "patches");
      return mlp.forward(patches);
    }
  }

  /// One linear layer for each square of neighbouring patches, whose channels are put one after the other: fewer tokens, each of
  /// more channels (Marafioti et al., "SmolVLM: Redefining small and efficient multimodal models", 2025; ref: transformers
  /// `models/smolvlm/modeling_smolvlm.py`, `SmolVLMConnector`).
  ///
  /// @param rows rows of patches
  /// @param cols columns of patches
  /// @param scale patches along a square's side
  /// @param proj `scale² · C → D`; its inputs are in the order row, column, channel
  record PixelShuffle(int rows, int cols, int scale, Linear proj) implements Adapter {
    public PixelShuffle {
      Objects.requireNonNull(proj, "proj");
    }

    @Override
    public Tensor forward(Tensor patches) {
      Objects.requireNonNull(patches, "patches");
      int pictures = patches.dim(0), dim = patches.dim(2), down = rows / scale, across = cols / scale;
      var x = patches.reshape(pictures * down, scale, across, scale * dim);           // columns of a square are neighbours
      x = x.transposed(1, 2).contiguous();                                            // [I · down, across, scale, scale · C]
      return proj.forward(x.reshape(pictures, down * across, scale * scale * dim));   // [I, T, D]
    }
  }
}
