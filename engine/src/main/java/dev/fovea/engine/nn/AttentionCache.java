package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import java.util.Objects;

/// The keys and values of one attention layer for the tokens of a text so far, with room for more. A pass writes those of the next
/// tokens behind them. The caller owns the memory, and lets one pass at a time use it.
///
/// @param keys `[heads, capacity, D]`, with contiguous columns
/// @param values `[heads, capacity, D]`, with contiguous columns
/// @param before `[1]`: number of tokens before a pass, read when the pass runs
/// @param after `[1]`: number of tokens after it
public record AttentionCache(Tensor keys, Tensor values, Tensor before, Tensor after) {
  public AttentionCache {
    Objects.requireNonNull(keys, "keys");
    Objects.requireNonNull(values, "values");
    Objects.requireNonNull(before, "before");
    Objects.requireNonNull(after, "after");
  }
}
