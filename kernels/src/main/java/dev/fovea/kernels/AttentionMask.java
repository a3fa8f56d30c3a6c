package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The visible keys of each query in attention, and terms added to the scores. All components combine.
///
/// The result for a query without visible keys, or whose scores are all `-∞`, is zero. A hidden key has weight zero; its value must
/// be finite nevertheless, because zero times infinity is NaN.
///
/// @param causal whether query `i` sees only keys `0 … i + keys - queries` of the `keys` present: the last query is aligned with
///     the last key
/// @param keys `[outer, keys]`, added to the scores of all queries and heads of a batch item: 0 for visible keys, `-∞` for padding;
///     or null
/// @param bias `[queries, keys]` for each head, column stride 1, added to the scaled scores, such as relative position biases;
///     strides of zero repeat it; or null
/// @param grid added to the scaled scores of keys that form a grid; or null
/// @param length `[1]`: the number of keys present, from the first; the rest is the capacity of a growing cache. Null if all keys
///     are present. It combines with `causal` only
public record AttentionMask(boolean causal, @Nullable MemorySegment keys, @Nullable Matrices bias, @Nullable GridBias grid,
    @Nullable MemorySegment length) {
  /// Every query sees every key.
  public static final AttentionMask NONE = new AttentionMask(false, null, null);
  /// Each query sees the keys up to its own position.
  public static final AttentionMask CAUSAL = new AttentionMask(true, null, null);

  /// A mask without a grid and without a length.
  public AttentionMask(boolean causal, @Nullable MemorySegment keys, @Nullable Matrices bias) {
    this(causal, keys, bias, null, null);
  }

  /// Hides padding.
  ///
  /// @param keys `[outer, keys]`: 0 for visible keys, `-∞` for padding
  public static AttentionMask padding(MemorySegment keys) {
    Objects.requireNonNull(keys, "keys");
    return new AttentionMask(false, keys, null);
  }

  /// Adds a bias to the scores.
  ///
  /// @param bias `[queries, keys]` for each head
  public static AttentionMask bias(Matrices bias) {
    Objects.requireNonNull(bias, "bias");
    return new AttentionMask(false, null, bias);
  }

  /// Adds a bias to the scores of keys that form a grid.
  public static AttentionMask grid(GridBias grid) {
    Objects.requireNonNull(grid, "grid");
    return new AttentionMask(false, null, null, grid, null);
  }

  /// Each query sees the keys up to its own position, and only the first `length` keys are present.
  ///
  /// @param length `[1]`
  public static AttentionMask cached(MemorySegment length) {
    Objects.requireNonNull(length, "length");
    return new AttentionMask(true, null, null, null, length);
  }

  /// The same mask with all keys present.
  public AttentionMask withoutLength() {
    return new AttentionMask(causal, keys, bias, grid, null);
  }

  /// Whether the mask changes no score.
  public boolean isNone() {
    return !causal && keys == null && bias == null && grid == null && length == null;
  }

  /// The number of keys present out of `keys`.
  public int present(int keys) {
    return length == null ? keys : Check.count(length, keys);
  }

  /// The number of keys, from the first, that query `query` of `queries` sees out of `keys`.
  public int visible(int query, int queries, int keys) {
    int present = present(keys);
    return causal ? Math.clamp((long) query + 1 + present - queries, 0, present) : present;
  }

  /// The same mask with each buffer replaced by the one that `buffers` returns.
  AttentionMask on(BufferVisitor buffers, Matrices q, Matrices k) {
    return new AttentionMask(causal, buffers.optional("mask of keys", keys, q.outer(), k.rows()),
        bias == null ? null : buffers.of("attention bias", bias), grid == null ? null : grid.on(buffers),
        buffers.optional("length", length, 1));
  }

  /// @throws IllegalArgumentException if a size does not fit the queries and keys
  void check(Matrices q, Matrices k) {
    if (bias != null) {
      Check.batch("attention bias", bias, q.outer(), q.inner(), q.rows(), k.rows());
      Check.adjacent("attention bias", bias);
    }
    if (grid != null) grid.check(q, k);
    if (length != null && (keys != null || bias != null || grid != null))
      throw new IllegalArgumentException("attention: expected a length without a mask of keys, a bias or a grid");
  }
}
