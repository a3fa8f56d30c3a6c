package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Operation;

/// Learned positions of a grid of patches, resampled when a picture has another number of patches than the training's.
///
/// @param table `[extra + rows · cols, C]`: first the positions of tokens that have no place in the picture, such as the class
///   token, which stay as they are; then the grid's, row by row
/// @param interpolation how to resample the grid
public record PositionGrid(Tensor table, int rows, int cols, Interpolation interpolation) {
  /// Positions for a grid of `toRows × toCols`: `[extra + toRows · toCols, C]`.
  ///
  /// @param beside any tensor of the pass, which tells where results go
  public Tensor forward(Tensor beside, int toRows, int toCols) {
    if (toRows == rows && toCols == cols) return table;
    int extra = table.dim(0) - rows * cols, channels = table.dim(1);
    var grid = table.slice(0, extra, table.dim(0));
    var out = beside.allocate(extra + toRows * toCols, channels);
    var resampled = out.slice(0, extra, out.dim(0));
    out.slice(0, 0, extra).set(table.slice(0, 0, extra));
    beside.workspace().kernels().run(new Operation.Resize(grid.segment(), 1, rows, cols, channels, resampled.segment(), toRows, toCols, interpolation));
    return out;
  }
}
