package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import org.jetbrains.annotations.Nullable;

/// The weights of an attention, with what its queries and keys are.
///
/// @param weights `[B, heads, queries, keys]`: row `i` says how much query `i` took from each key, and sums to 1
/// @param queries what the tokens are that ask
/// @param keys what the tokens are that answer
/// @param windows where each of the `B` maps lies, if each is a window of a larger one; null where each is an input
public record AttentionMap(Tensor weights, Tokens queries, Tokens keys, @Nullable Windows windows) {
  /// Windows of one size that cover a grid, row by row, for each input of the batch. Those at the border may reach beyond it.
  ///
  /// @param rows of the grid
  /// @param cols of the grid
  /// @param size of a window's sides
  public record Windows(int rows, int cols, int size) {}
}
