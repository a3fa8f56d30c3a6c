package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Window;
import java.util.Objects;

/// Cuts a picture into square patches and projects each to a token (Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021): a
/// convolution whose stride equals its kernel size, as one product.
///
/// @param proj `channels · patchSize² → C`; its inputs are in the order channel, row, column
public record PatchEmbedding(Linear proj, int channels, int patchSize) {
  public PatchEmbedding {
    Objects.requireNonNull(proj, "proj");
  }

  /// `[B, channels, H, W]` → `[B, H / patchSize · W / patchSize, C]`, patches row by row.
  ///
  /// @throws InputException if the picture has another number of channels, or its sides are not multiples of the patch size
  public Tensor forward(Tensor image) {
    if (image.rank() != 4 || image.dim(1) != channels)
      throw new InputException("expected pictures [B, " + channels + ", H, W], got " + image);
    if (image.dim(2) < patchSize || image.dim(3) < patchSize || image.dim(2) % patchSize != 0 || image.dim(3) % patchSize != 0)
      throw new InputException("expected pictures whose height and width are multiples of the patch size " + patchSize + ", got "
          + image.dim(2) + "x" + image.dim(3));
    var geometry = Convolution.ofPlanes(image.dim(0), channels, image.dim(2), image.dim(3), Window.patch(patchSize));
    var out = image.allocate(image.dim(0), geometry.rows() * geometry.cols(), proj.weight().n());
    image.run(new Operation.Convolve(image.segment(), geometry, proj.weight(), Tensor.segmentOf(proj.bias()),
        Activation.NONE, null, out.segment()));
    return out;
  }
}
