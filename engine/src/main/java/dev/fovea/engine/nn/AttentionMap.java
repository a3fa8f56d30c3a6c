package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The weights of an attention layer, with descriptions of its queries and keys.
///
/// @param weights `[B, heads, queries, keys]`: row `i` is the distribution of query `i` over the keys, and sums to 1
/// @param queries the query tokens
/// @param keys the key tokens
/// @param windows the windows that the `B` maps belong to, if attention is windowed; null if each map covers a whole input
public record AttentionMap(Tensor weights, Tokens queries, Tokens keys, @Nullable Windows windows) {
  public AttentionMap {
    Objects.requireNonNull(weights, "weights");
    Objects.requireNonNull(queries, "queries");
    Objects.requireNonNull(keys, "keys");
  }

  /// Square windows that cover a grid row by row, for each input of the batch. Windows at the border may extend beyond the grid,
  /// whose size up to the end of the last window is then a whole number of windows.
  ///
  /// @param rows of the grid
  /// @param cols of the grid
  /// @param size of a window's sides
  /// @param shift rows and columns by which the first window begins below and right of the grid's corner; the last ones continue
  ///     around its border
  public record Windows(int rows, int cols, int size, int shift) {
    /// Windows without a shift.
    public Windows(int rows, int cols, int size) {
      this(rows, cols, size, 0);
    }
  }
}
