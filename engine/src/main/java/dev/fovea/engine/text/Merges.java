package dev.fovea.engine.text;

import java.util.Arrays;

/// The pairs of tokens that are merged, with their ranks and results: a hash table with open addressing.
final class Merges {
  static final int NONE = -1;

  private final long[] pairs;
  private final int[] ranks;
  private final int[] merged;

  /// @param most maximum number of pairs
  Merges(int most) {
    int capacity = Integer.highestOneBit(Math.max(16, most)) * 4;
    pairs = new long[capacity];
    ranks = new int[capacity];
    merged = new int[most];
    Arrays.fill(pairs, NONE);
  }

  /// @param rank lower ranks are merged first; replaces the rank of an existing pair
  void put(int left, int right, int rank, int result) {
    int slot = slot(pair(left, right));
    pairs[slot] = pair(left, right);
    ranks[slot] = rank;
    merged[rank] = result;
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  private int slot(long pair) {
    int mask = pairs.length - 1;
    int slot = (int) (pair * 0x9E3779B97F4A7C15L >>> 32) & mask;
    while (pairs[slot] != NONE && pairs[slot] != pair) slot = slot + 1 & mask;
    return slot;
  }

  /// The rank of a pair, or [#NONE].
  int rank(int left, int right) {
    int slot = slot(pair(left, right));
    return pairs[slot] == NONE ? NONE : ranks[slot];
  }

  /// The token that the pair of this rank becomes.
  int result(int rank) {
    return merged[rank];
  }
}
