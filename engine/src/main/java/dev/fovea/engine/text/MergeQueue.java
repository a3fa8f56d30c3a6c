package dev.fovea.engine.text;

import java.util.Arrays;

/// The symbols of one word as a linked list, and its possible merges as a heap: the cost of a merge is logarithmic in their number.
final class MergeQueue {
  private static final int END = -1;

  private int[] ids, starts, ends, next, previous;
  private int size;
  /// A binary heap of `rank << 32 | position`: the lowest rank first, then the leftmost.
  private long[] heap;
  private int queued;

  MergeQueue(int capacity) {
    ids = new int[capacity];
    starts = new int[capacity];
    ends = new int[capacity];
  }

  void add(int id, int from, int to) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
      starts = Arrays.copyOf(starts, 2 * size);
      ends = Arrays.copyOf(ends, 2 * size);
    }
    ids[size] = id;
    starts[size] = from;
    ends[size++] = to;
  }

  WordCache.Word merge(String word, Merges merges) {
    next = new int[size];
    previous = new int[size];
    heap = new long[Math.max(4, size)];
    for (int i = 0; i < size; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < size ? i + 1 : END;
    }
    for (int i = 0; i < size; i++) offer(i, merges);
    while (queued > 0) {
      long first = poll();
      mergeAt((int) first, (int) (first >>> 32), merges);
    }
    var tokens = new WordCache.Builder(word);
    for (int i = size == 0 ? END : 0; i != END; i = next[i]) tokens.add(ids[i], starts[i], ends[i]);
    return tokens.build();
  }

  /// Merges a symbol with the next one, unless the pair has changed since it was queued.
  private void mergeAt(int left, int rank, Merges merges) {
    if (ids[left] < 0 || next[left] == END) return;
    int right = next[left];
    int now = merges.rank(ids[left], ids[right]);
    if (now == Merges.NONE || merges.result(now) != merges.result(rank)) return;
    ids[left] = merges.result(rank);
    ids[right] = -1;
    ends[left] = ends[right];
    next[left] = next[right];
    if (next[left] != END) previous[next[left]] = left;
    if (previous[left] != END) offer(previous[left], merges);
    offer(left, merges);
  }

  private void offer(int left, Merges merges) {
    if (next[left] == END) return;
    int rank = merges.rank(ids[left], ids[next[left]]);
    if (rank == Merges.NONE) return;
    if (queued == heap.length) heap = Arrays.copyOf(heap, 2 * queued);
    long entry = (long) rank << 32 | left;
    int i = queued++;
    for (int parent; i > 0 && heap[parent = i - 1 >> 1] > entry; i = parent) heap[i] = heap[parent];
    heap[i] = entry;
  }

  private long poll() {
    long first = heap[0], last = heap[--queued];
    int i = 0;
    for (int child; (child = 2 * i + 1) < queued; i = child) {
      if (child + 1 < queued && heap[child + 1] < heap[child]) child++;
      if (heap[child] >= last) break;
      heap[i] = heap[child];
    }
    heap[i] = last;
    return first;
  }
}
