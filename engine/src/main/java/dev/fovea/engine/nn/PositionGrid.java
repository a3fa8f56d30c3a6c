package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Interpolation;

/// Learned positions of a grid of patches, resampled when a picture has another number of patches than the training's.
///
/// @param table `[rows · cols, C]`
/// @param interpolation how to resample
public record PositionGrid(Tensor table, int rows, int cols, Interpolation interpolation) {
  /// Positions for a grid of `toRows × toCols`: `[toRows · toCols, C]`.
  ///
  /// @param beside any tensor of the pass, which tells where results go
  public Tensor forward(Tensor beside, int toRows, int toCols) {
    if (toRows == rows && toCols == cols) return table;
    int channels = table.dim(1);
    var out = beside.allocate(toRows * toCols, channels);
    beside.workspace().kernels().resize(table.segment(), 1, rows, cols, channels, out.segment(), toRows, toCols, interpolation);
    return out;
  }
}
