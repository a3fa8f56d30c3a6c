package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Operation;
import java.util.List;
import java.util.Objects;

/// Learned position embeddings of a grid of patches, resampled for pictures with another grid than in training.
///
/// @param table `[extra + rows · cols, C]`: first the embeddings of tokens without a position, such as the class token, which are
///   not resampled; then the grid's, row by row
/// @param interpolation for resampling the grid
public record PositionGrid(Tensor table, int rows, int cols, Interpolation interpolation) {
  public PositionGrid {
    Objects.requireNonNull(table, "table");
    Objects.requireNonNull(interpolation, "interpolation");
  }

  /// Embeddings for a `toRows × toCols` grid, computed once per size: `[extra + toRows · toCols, C]`.
  public Tensor forward(Workspace workspace, int toRows, int toCols) {
    if (toRows == rows && toCols == cols) return table;
    return workspace.constant(List.of(this, toRows, toCols), table, all -> resample(all, toRows, toCols));
  }

  private Tensor resample(Tensor all, int toRows, int toCols) {
    int extra = all.dim(0) - rows * cols, channels = all.dim(1);
    var out = all.allocate(extra + toRows * toCols, channels);
    out.slice(0, 0, extra).set(all.slice(0, 0, extra));
    all.run(new Operation.Resize(all.slice(0, extra, all.dim(0)).segment(), 1, rows, cols, channels,
        out.slice(0, extra, out.dim(0)).segment(), toRows, toCols, interpolation));
    return out;
  }
}
