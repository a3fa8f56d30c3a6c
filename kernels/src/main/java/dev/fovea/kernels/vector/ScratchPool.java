package dev.fovea.kernels.vector;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.Supplier;

/// A pool of native memory and arrays for operations, so that the next operation of the same size allocates nothing. A failed
/// allocation loses no memory, and the pool works afterwards.
///
/// It keeps what the threads that can compute at a time need, and no more after a burst of callers, each with an operation of its
/// own: of too many pieces, the smallest are freed.
final class ScratchPool implements AutoCloseable {
  private static final int ALIGNMENT = 64;
  /// Pieces per thread: the nested operations of one thread borrow fewer.
  private static final int PIECES = 8;

  private final Supplier<Arena> arenas;
  private final IntFunction<float[]> arrays;
  private final List<Scratch> free = new ArrayList<>();
  private final List<Loan> freeArrays = new ArrayList<>();
  private int most, mostArrays;
  private boolean closed;

  /// @param threads the largest number of threads of an operation
  ScratchPool(int threads) {
    this(threads, Arena::ofShared, float[]::new);
  }

  /// @param arenas where native memory comes from, one arena for each piece
  /// @param arrays allocates arrays
  ScratchPool(int threads, Supplier<Arena> arenas, IntFunction<float[]> arrays) {
    most = PIECES * Math.max(threads, Runtime.getRuntime().availableProcessors());
    mostArrays = most;
    this.arenas = arenas;
    this.arrays = arrays;
  }

  /// Borrows at least `floats` floats with undefined contents, until the scratch is closed.
  ///
  /// @throws IllegalStateException if the kernels are closed
  synchronized Scratch borrow(long floats) {
    if (closed) throw new IllegalStateException("the kernels are closed");
    int best = -1;
    for (int i = 0; i < free.size(); i++)
      if (best < 0 || fitsBetter(free.get(i).segment.byteSize(), free.get(best).segment.byteSize(), 4 * floats)) best = i;
    var scratch = best < 0 ? new Scratch() : free.get(best);
    scratch.grow(4 * floats);
    if (best >= 0) free.remove(best);
    return scratch;
  }

  /// Whether `size` fits a request for `wanted` better than `other`: the smallest sufficient size, so that small requests leave
  /// large blocks free; if none suffices, the largest, which then grows.
  private static boolean fitsBetter(long size, long other, long wanted) {
    return other < wanted ? size > other : size >= wanted && size < other;
  }

  private synchronized void giveBack(Scratch scratch) {
    if (closed) {
      scratch.free();
      return;
    }
    free.add(scratch);
    if (free.size() <= most) return;
    var smallest = Collections.min(free, Comparator.comparingLong(s -> s.segment.byteSize()));
    free.remove(smallest);
    smallest.free();
  }

  /// Frees idle memory now, and borrowed memory on its return.
  @Override
  public synchronized void close() {
    closed = true;
    free.forEach(Scratch::free);
    free.clear();
    freeArrays.clear();
  }

  /// Borrows an array of at least `n` floats with undefined contents, until the loan is closed.
  synchronized Loan borrowArray(int n) {
    if (closed) throw new IllegalStateException("the kernels are closed");
    int best = -1;
    for (int i = 0; i < freeArrays.size(); i++)
      if (best < 0 || fitsBetter(freeArrays.get(i).floats.length, freeArrays.get(best).floats.length, n)) best = i;
    var loan = best < 0 ? new Loan() : freeArrays.get(best);
    if (loan.floats.length < n) loan.floats = arrays.apply(n);
    if (best >= 0) freeArrays.remove(best);
    return loan;
  }

  /// Makes sure that `count` pieces of at least `floats` floats are free. Threads of a bound operation that overlap for the first
  /// time in a later run then allocate nothing.
  synchronized void reserve(int count, long floats) {
    if (closed) return;
    most = Math.max(most, count);
    for (long missing = count - free.stream().filter(s -> s.segment.byteSize() >= 4 * floats).count(); missing > 0; missing--) {
      var scratch = new Scratch();
      scratch.grow(4 * floats);
      free.add(scratch);
    }
  }

  /// The same for arrays.
  synchronized void reserveArrays(int count, int n) {
    if (closed) return;
    mostArrays = Math.max(mostArrays, count);
    for (long missing = count - freeArrays.stream().filter(a -> a.floats.length >= n).count(); missing > 0; missing--) {
      var loan = new Loan();
      loan.floats = arrays.apply(n);
      freeArrays.add(loan);
    }
  }

  private synchronized void giveBack(Loan loan) {
    if (closed) return;
    freeArrays.add(loan);
    if (freeArrays.size() > mostArrays)
      freeArrays.remove(Collections.min(freeArrays, Comparator.comparingInt(a -> a.floats.length)));
  }

  /// A borrowed array.
  final class Loan implements AutoCloseable {
    private float[] floats = new float[0];

    float[] floats() {
      return floats;
    }

    @Override
    public void close() {
      giveBack(this);
    }
  }

  /// Borrowed native memory.
  final class Scratch implements AutoCloseable {
    private Arena arena;
    private MemorySegment segment = MemorySegment.NULL;
    private final Panels.Panel panel = new Panels.Panel();

    MemorySegment segment() {
      return segment;
    }

    /// A reusable object for the result of [Panels#of].
    Panels.Panel panel() {
      return panel;
    }

    /// The old memory is freed first, so that both are never there at once, and forgotten first, in case there is no new one.
    private void grow(long bytes) {
      if (segment.byteSize() >= bytes) return;
      free();
      var fresh = arenas.get();
      try {
        segment = fresh.allocate(bytes, ALIGNMENT);
      } catch (Throwable e) {
        fresh.close();
        throw e;
      }
      arena = fresh;
    }

    private void free() {
      var old = arena;
      arena = null;
      segment = MemorySegment.NULL;
      if (old != null) old.close();
    }

    @Override
    public void close() {
      giveBack(this);
    }
  }
}
