package dev.fovea.engine.text;

import java.util.Arrays;

/// A trie over chars; a node represents the string on its path. All children are in one hash table with open addressing.
final class Trie {
  static final int ROOT = 0, NONE = -1;

  private long[] keys = new long[64];
  private int[] children = new int[64];
  private int[] values = {NONE};
  private int nodes = 1;

  /// @param value value of the string, not negative
  void put(String string, int value) {
    int node = ROOT;
    for (int i = 0; i < string.length(); i++) {
      int child = child(node, string.charAt(i));
      node = child == NONE ? add(node, string.charAt(i)) : child;
    }
    values[node] = value;
  }

  private int add(int node, char c) {
    if (2 * nodes >= keys.length) grow();
    if (nodes == values.length) values = Arrays.copyOf(values, 2 * nodes);
    int slot = slot(key(node, c));
    keys[slot] = key(node, c);
    children[slot] = nodes;
    values[nodes] = NONE;
    return nodes++;
  }

  private void grow() {
    long[] oldKeys = keys;
    int[] oldChildren = children;
    keys = new long[2 * oldKeys.length];
    children = new int[2 * oldKeys.length];
    for (int i = 0; i < oldKeys.length; i++) {
      if (oldKeys[i] == 0) continue;
      int slot = slot(oldKeys[i]);
      keys[slot] = oldKeys[i];
      children[slot] = oldChildren[i];
    }
  }

  /// Never 0, which marks a free slot.
  private static long key(int node, char c) {
    return (long) node << 16 | c | 1L << 62;
  }

  private int slot(long key) {
    int mask = keys.length - 1;
    int slot = (int) (key * 0x9E3779B97F4A7C15L >>> 32) & mask;
    while (keys[slot] != 0 && keys[slot] != key) slot = slot + 1 & mask;
    return slot;
  }

  /// The node of `node`'s string followed by `c`, or [#NONE].
  int child(int node, char c) {
    int slot = slot(key(node, c));
    return keys[slot] == 0 ? NONE : children[slot];
  }

  /// The node of a string, or [#NONE].
  int node(String string) {
    int node = ROOT;
    for (int i = 0; i < string.length() && node != NONE; i++) node = child(node, string.charAt(i));
    return node;
  }

  /// The value of the node's string, or [#NONE].
  int value(int node) {
    return values[node];
  }
}
