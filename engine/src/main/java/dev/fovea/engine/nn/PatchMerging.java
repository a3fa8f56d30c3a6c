package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import java.util.Objects;

/// Joins each 2 × 2 positions of a map to one with half as many channels as they have together (Liu et al., "Swin Transformer",
/// 2021; ref: microsoft/Swin-Transformer `models/swin_transformer.py`, `PatchMerging`). A map with an odd side is padded with
/// zeros.
///
/// @param norm of the `4 C` channels of four positions: upper left, lower left, upper right, lower right
/// @param reduction `4 C → 2 C`
public record PatchMerging(LayerNorm norm, Linear reduction) {
  public PatchMerging {
    Objects.requireNonNull(norm, "norm");
    Objects.requireNonNull(reduction, "reduction");
  }

  /// `[B, H, W, C]` → `[B, ⌈H / 2⌉, ⌈W / 2⌉, 2 C]`.
  public Tensor forward(Tensor x) {
    int batch = x.dim(0), height = Math.ceilDiv(x.dim(1), 2), width = Math.ceilDiv(x.dim(2), 2), channels = x.dim(3);
    var pairs = padded(x, 1, 2 * height, 2 * width).reshape(batch * height, 2, width, 2, channels);
    var joined = x.allocate(batch, height, width, 4 * channels);
    var places = joined.reshape(batch * height, width, 4, channels);
    for (int i = 0; i < 4; i++) places.select(2, i).set(pairs.select(1, i % 2).select(2, i / 2));
    return reduction.forward(norm.forward(joined));
  }

  /// A tensor padded with zeros after its last rows and columns.
  ///
  /// @param dim the dimension of the rows, which that of the columns follows
  public static Tensor padded(Tensor x, int dim, int rows, int cols) {
    int height = x.dim(dim), width = x.dim(dim + 1);
    if (height == rows && width == cols) return x;
    int[] shape = x.shape();
    shape[dim] = rows;
    shape[dim + 1] = cols;
    var padded = x.allocate(shape);
    padded.slice(dim, 0, height).slice(dim + 1, 0, width).set(x);
    zero(padded.slice(dim, height, rows));
    zero(padded.slice(dim, 0, height).slice(dim + 1, width, cols));
    return padded;
  }

  private static void zero(Tensor part) {
    if (part.size() > 0) part.set(ShiftedWindows.zeros(part.shape()));
  }
}
