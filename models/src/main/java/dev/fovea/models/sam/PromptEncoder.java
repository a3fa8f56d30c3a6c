package dev.fovea.models.sam;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Conv2d;
import dev.fovea.engine.nn.Embedding;
import dev.fovea.engine.nn.FourierPositions;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Window;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// Encodes points and boxes as tokens, and a mask as a map (ref: segment_anything `modeling/prompt_encoder.py`, `PromptEncoder`).
///
/// Shapes: P points, C channels, G × G locations of the map.
///
/// @param imageSize side of the model's picture in pixels, the range of coordinates
/// @param gridSize G
/// @param grid coordinates of the locations, `[G², 2]`
/// @param pointEmbed terms for background and object points, added to the position
/// @param cornerEmbed `[2, C]`: terms for the first and second corner of a box, added to the position
/// @param noPointEmbed `[1, C]`: token in place of a box if there are only points
/// @param noMaskEmbed `[C]`: term added to the map if there is no mask
public record PromptEncoder(int imageSize, int gridSize, Tensor grid, FourierPositions positions, Embedding pointEmbed,
    Tensor cornerEmbed,
    Tensor noPointEmbed, Tensor noMaskEmbed, MaskEmbedding maskEmbed) {
  public PromptEncoder {
    Objects.requireNonNull(grid, "grid");
    Objects.requireNonNull(positions, "positions");
    Objects.requireNonNull(pointEmbed, "pointEmbed");
    Objects.requireNonNull(cornerEmbed, "cornerEmbed");
    Objects.requireNonNull(noPointEmbed, "noPointEmbed");
    Objects.requireNonNull(noMaskEmbed, "noMaskEmbed");
    Objects.requireNonNull(maskEmbed, "maskEmbed");
  }

  /// Downscales a mask to the size of the map.
  record MaskEmbedding(Conv2d conv1, LayerNorm norm1, Conv2d conv2, LayerNorm norm2, Conv2d conv3, Activation act) {
    static MaskEmbedding load(SamConfig.PromptEncoder c, int dim, Weights w) {
      int channels = c.maskChannels();
      return new MaskEmbedding(
          w.conv2d("conv1", 1, channels / 4, Window.patch(2)), w.layerNorm("norm1", channels / 4, c.layerNormEps()),
          w.conv2d("conv2", channels / 4, channels, Window.patch(2)), w.layerNorm("norm2", channels, c.layerNormEps()),
          w.conv2d("conv3", channels, dim, Window.square(1)), c.act());
    }

    Tensor forward(Tensor mask) {                                                     // [1, 4G, 4G, 1]
      var x = norm1.forward(conv1.forward(mask)).activate(act);                       // [1, 2G, 2G, C'/4]
      x = norm2.forward(conv2.forward(x)).activate(act);                              // [1, G, G, C']
      return conv3.forward(x);                                                        // [1, G, G, C]
    }
  }

  static PromptEncoder load(SamConfig config, Weights w) {
    int dim = config.dim();
    return new PromptEncoder(config.vision().imageSize(), config.vision().gridSize(),
        FourierPositions.grid(config.vision().gridSize()),
        new FourierPositions(w.tensor("positions", 2, dim / 2)),
        w.embedding("point_embed", 2, dim), w.tensor("corner_embed", 2, dim), w.tensor("no_point_embed", 1, dim),
        w.tensor("no_mask_embed", dim), MaskEmbedding.load(config.prompts(), dim, w.at("mask_embed")));
  }

  /// The position embedding of the map, `[G², C]`, which depends only on weights.
  Tensor mapPositions(Workspace workspace) {
    return workspace.constant(List.of("positions", grid), grid, places -> positions.forward(places, gridSize));
  }

  /// The tokens of a prompt, `[…, C]`; null if it has neither points nor a box.
  ///
  /// @param points `[P, 2]`, `(x, y)` in pixels of the model's picture; null for none
  /// @param labels `[P]`: 1 on the object, 0 on the background; null for none
  /// @param boxes `[n, 4]`, `(x0, y0, x1, y1)`; null for none
  @Nullable Tensor tokens(@Nullable Tensor points, @Nullable Tensor labels, @Nullable Tensor boxes) {
    var tokens = new ArrayList<Tensor>();
    if (points != null) tokens.add(positions.forward(points, imageSize).plus(pointEmbed.forward(labels)));     // [P, C]
    if (boxes == null && points != null) tokens.add(noPointEmbed);
    if (boxes != null) {
      int corners = 2 * boxes.dim(0), dim = cornerEmbed.dim(1);
      var at = positions.forward(boxes.reshape(corners, 2), imageSize);                                         // [2n, C]
      tokens.add(at.reshape(corners / 2, 2, dim).plus(cornerEmbed).reshape(corners, dim));
    }
    return tokens.isEmpty() ? null : Tensor.concat(0, tokens.toArray(Tensor[]::new));
  }

  /// The decoder's input map, as tokens: `[G, G, C]` → `[G², C]`.
  ///
  /// @param mask logits `[4 G, 4 G]` of a mask; null for none
  Tensor map(Tensor features, @Nullable Tensor mask) {
    int rows = features.dim(0), cols = features.dim(1), dim = features.dim(2);
    var map = mask == null ? features.plus(noMaskEmbed)
        : features.plus(maskEmbed.forward(mask.reshape(1, mask.dim(0), mask.dim(1), 1)).reshape(rows, cols, dim));
    return map.reshape(rows * cols, dim);
  }
}
