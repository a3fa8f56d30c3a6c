package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Which keys a query may see in attention, and what is added to its scores. The parts combine.
///
/// A query that sees no key at all, or whose scores are all `-∞`, gives zeros. A key that is not seen has weight zero; its
/// value must be finite all the same, for zero times infinity is no number.
///
/// @param causal whether query `i` sees only the keys up to `i + keys - queries`: none that comes after it, when the last
///     query belongs to the last key
/// @param keys `[outer, keys]`, added to the scores of a batch item's every query and head: 0 where a key may be seen, `-∞`
///     where it is padding; or null
/// @param bias `[queries, keys]` for each head, column stride 1, added to the scaled scores, such as relative positions;
///     strides of zero repeat it; or null
/// @param grid added to the scaled scores where keys lie in a grid; or null
/// @param length `[1]`: how many keys are there, from the first; the rest is capacity, as in a cache that grows. Null where all
///     are. It combines with `causal` only
public record AttentionMask(boolean causal, @Nullable MemorySegment keys, @Nullable Matrices bias, @Nullable GridBias grid,
    @Nullable MemorySegment length) {
  /// Every query sees every key.
  public static final AttentionMask NONE = new AttentionMask(false, null, null);
  /// No query sees a key that comes after it.
  public static final AttentionMask CAUSAL = new AttentionMask(true, null, null);

  /// A mask without a grid and without a length.
  public AttentionMask(boolean causal, @Nullable MemorySegment keys, @Nullable Matrices bias) {
    this(causal, keys, bias, null, null);
  }

  /// Hides padding.
  ///
  /// @param keys `[outer, keys]`: 0 where a key may be seen, `-∞` where not
  public static AttentionMask padding(MemorySegment keys) {
    return new AttentionMask(false, keys, null);
  }

  /// Adds to the scores.
  ///
  /// @param bias `[queries, keys]` for each head
  public static AttentionMask bias(Matrices bias) {
    return new AttentionMask(false, null, bias);
  }

  /// Adds to the scores of keys in a grid.
  public static AttentionMask grid(GridBias grid) {
    return new AttentionMask(false, null, null, grid, null);
  }

  /// No query sees a key that comes after it, and of the keys only the first `length` are there.
  ///
  /// @param length `[1]`
  public static AttentionMask cached(MemorySegment length) {
    return new AttentionMask(true, null, null, null, length);
  }

  /// The same mask where all keys are there.
  public AttentionMask withoutLength() {
    return new AttentionMask(causal, keys, bias, grid, null);
  }

  /// Whether scores stay as they are.
  public boolean isNone() {
    return !causal && keys == null && bias == null && grid == null && length == null;
  }

  /// How many of `keys` keys are there.
  public int present(int keys) {
    return length == null ? keys : Check.count(length, keys);
  }

  /// How many keys, from the first, query `query` of `queries` may see of `keys`.
  public int visible(int query, int queries, int keys) {
    int present = present(keys);
    return causal ? Math.clamp((long) query + 1 + present - queries, 0, present) : present;
  }

  /// The same mask on the buffers that `buffers` puts in place of its own.
  AttentionMask on(BufferVisitor buffers, Matrices q, Matrices k) {
    return new AttentionMask(causal, buffers.optional("mask of keys", keys, q.outer(), k.rows()),
        bias == null ? null : buffers.of("attention bias", bias), grid == null ? null : grid.on(buffers),
        buffers.optional("length", length, 1));
  }

  /// Refuses sizes that do not fit queries and keys.
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
