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
public record AttentionMask(boolean causal, @Nullable MemorySegment keys, @Nullable Matrices bias, @Nullable GridBias grid) {
  /// Every query sees every key.
  public static final AttentionMask NONE = new AttentionMask(false, null, null);
  /// No query sees a key that comes after it.
  public static final AttentionMask CAUSAL = new AttentionMask(true, null, null);

  /// A mask without a grid.
  public AttentionMask(boolean causal, @Nullable MemorySegment keys, @Nullable Matrices bias) {
    this(causal, keys, bias, null);
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
    return new AttentionMask(false, null, null, grid);
  }

  /// Whether scores stay as they are.
  public boolean isNone() {
    return !causal && keys == null && bias == null && grid == null;
  }

  /// How many keys, from the first, query `query` of `queries` may see of `keys`.
  public int visible(int query, int queries, int keys) {
    return causal ? Math.clamp((long) query + 1 + keys - queries, 0, keys) : keys;
  }
}
