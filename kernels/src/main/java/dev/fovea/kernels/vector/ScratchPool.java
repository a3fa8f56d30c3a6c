package dev.fovea.kernels.vector;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// A pool of native memory and arrays for operations, so that the next operation of the same size allocates nothing. A failed
/// allocation loses no memory, and the pool works afterwards.
///
/// Each thread has a shelf for the pieces that it returned last, which it takes again without a lock: many threads with short tasks
/// would else wait for each other.
///
/// The pool keeps what the threads that can compute at a time need, and no more after a burst of callers, each with an operation of
/// its own: of too many pieces, the smallest are freed.
final class ScratchPool implements AutoCloseable {
  private static final int ALIGNMENT = 64;
  /// Pieces per thread: the nested operations of one thread borrow fewer.
  private static final int PIECES = 8;
  /// Pieces on a shelf, and the distance between two shelves: a cache line.
  private static final int ON_SHELF = 3, SHELF = 16;
  /// The largest piece on a shelf in bytes, and a size up to which pieces serve all smaller requests.
  private static final long LARGE = 1 << 20, SMALL = 1 << 16;

  private final Supplier<Arena> arenas;
  private final IntFunction<float[]> newArray;
  private final Pieces<Scratch> segments;
  private final Pieces<Loan> arrays;
  private volatile boolean closed;

  /// @param threads the largest number of threads of an operation
  ScratchPool(int threads) {
    this(threads, Arena::ofShared, float[]::new);
  }

  /// @param arenas where native memory comes from, one arena for each piece
  /// @param newArray allocates arrays
  ScratchPool(int threads, Supplier<Arena> arenas, IntFunction<float[]> newArray) {
    this.arenas = arenas;
    this.newArray = newArray;
    int most = Math.max(threads, Runtime.getRuntime().availableProcessors());
    segments = new Pieces<>(most, Scratch::new);
    arrays = new Pieces<>(most, Loan::new);
  }

  /// Borrows at least `floats` floats with undefined contents, until the scratch is closed.
  ///
  /// @throws IllegalStateException if the kernels are closed
  Scratch borrow(long floats) {
    return segments.borrow(4 * floats);
  }

  /// Borrows an array of at least `n` floats with undefined contents, until the loan is closed.
  ///
  /// @throws IllegalStateException if the kernels are closed
  Loan borrowArray(int n) {
    return arrays.borrow(4L * n);
  }

  /// Makes sure that `count` pieces of at least `floats` floats are free. Threads of a bound operation that overlap for the first
  /// time in a later run then allocate nothing.
  void reserve(int count, long floats) {
    segments.reserve(count, 4 * floats);
  }

  /// The same for arrays.
  void reserveArrays(int count, int n) {
    arrays.reserve(count, 4L * n);
  }

  /// Frees idle memory now, and borrowed memory on its return.
  @Override
  public void close() {
    closed = true;
    segments.free();
    arrays.free();
  }

  /// Pieces of one kind.
  private final class Pieces<T extends Piece> {
    private final Supplier<T> maker;
    private final List<T> free = new ArrayList<>();
    private final AtomicReferenceArray<T> shelves;
    private final AtomicInteger shelved = new AtomicInteger();
    private int most;
    /// The place on a full shelf that is cleared next; races do no harm.
    private int turn;

    Pieces(int threads, Supplier<T> maker) {
      this.maker = maker;
      most = PIECES * threads;
      shelves = new AtomicReferenceArray<>(2 * Integer.highestOneBit(threads) * SHELF);
    }

    /// Index of the first place on this thread's shelf. Worker threads have successive numbers.
    private int shelf() {
      return (int) Thread.currentThread().threadId() * SHELF & shelves.length() - 1;
    }

    /// The place after `i`, on the same shelf or the next.
    private static int after(int i) {
      return i % SHELF == ON_SHELF - 1 ? i + SHELF - ON_SHELF + 1 : i + 1;
    }

    T borrow(long bytes) {
      if (closed) throw new IllegalStateException("the kernels are closed");
      int shelf = shelf();
      for (int i = shelf; i < shelf + ON_SHELF; i++) {
        var piece = take(i, bytes, Math.max(SMALL, 4 * bytes));
        if (piece != null) return piece;
      }
      return borrowFree(bytes);
    }

    /// Takes the piece at a place of a shelf if its size is right.
    private @Nullable T take(int i, long least, long most) {
      var piece = shelves.get(i);
      if (piece == null || piece.bytes() < least || piece.bytes() > most || !shelves.compareAndSet(i, piece, null)) return null;
      shelved.decrementAndGet();
      return piece;
    }

    /// The smallest sufficient piece, so that small requests leave large ones free; else one of another thread's shelf; else the
    /// largest, which then grows.
    private synchronized T borrowFree(long bytes) {
      int best = -1;
      for (int i = 0; i < free.size(); i++)
        if (best < 0 || fitsBetter(free.get(i).bytes(), free.get(best).bytes(), bytes)) best = i;
      if (best < 0 || free.get(best).bytes() < bytes)
        for (int i = 0; i < shelves.length(); i = after(i)) {
          var piece = take(i, bytes, Long.MAX_VALUE);
          if (piece != null) return piece;
        }
      var piece = best < 0 ? maker.get() : free.get(best);
      if (piece.bytes() < bytes) piece.grow(bytes);
      if (best >= 0) free.remove(best);
      return piece;
    }

    private static boolean fitsBetter(long size, long other, long wanted) {
      return other < wanted ? size > other : size >= wanted && size < other;
    }

    void reserve(int count, long bytes) {
      int missing = count;
      for (int i = 0; i < shelves.length(); i = after(i)) {
        var piece = shelves.get(i);
        if (piece != null && piece.bytes() >= bytes) missing--;
      }
      reserve(count, missing, bytes);
    }

    private synchronized void reserve(int count, int missing, long bytes) {
      if (closed) return;
      most = Math.max(most, count);
      for (var piece : free) if (piece.bytes() >= bytes) missing--;
      for (; missing > 0; missing--) {
        var piece = maker.get();
        piece.grow(bytes);
        free.add(piece);
      }
    }

    void giveBack(T piece) {
      T other = piece.bytes() <= LARGE ? put(piece) : piece;
      if (other != null) giveBackFree(other);
      // Closed meanwhile: nobody else frees what came after.
      if (closed) free();
    }

    /// Puts a piece on this thread's shelf.
    ///
    /// @return the one that had to go, or null
    private @Nullable T put(T piece) {
      int shelf = shelf();
      for (int i = shelf; i < shelf + ON_SHELF; i++)
        if (shelves.get(i) == null && shelves.compareAndSet(i, null, piece)) {
          shelved.incrementAndGet();
          return null;
        }
      var other = shelves.getAndSet(shelf + Math.floorMod(turn++, ON_SHELF), piece);
      if (other == null) shelved.incrementAndGet();
      return other;
    }

    private synchronized void giveBackFree(T piece) {
      free.add(piece);
      if (free.size() + shelved.get() <= most) return;
      int smallest = 0;
      for (int i = 1; i < free.size(); i++) if (free.get(i).bytes() < free.get(smallest).bytes()) smallest = i;
      free.remove(smallest).free();
    }

    synchronized void free() {
      for (int i = 0; i < shelves.length(); i = after(i)) {
        var piece = shelves.getAndSet(i, null);
        if (piece != null) piece.free();
      }
      free.forEach(Piece::free);
      free.clear();
    }
  }

  /// What is borrowed.
  private interface Piece {
    long bytes();

    /// Gets more memory. After a failure there may be none.
    void grow(long bytes);

    void free();
  }

  /// A borrowed array.
  final class Loan implements Piece, AutoCloseable {
    private float[] floats = new float[0];

    float[] floats() {
      return floats;
    }

    @Override
    public long bytes() {
      return 4L * floats.length;
    }

    @Override
    public void grow(long bytes) {
      floats = newArray.apply(Math.toIntExact(bytes / 4));
    }

    @Override
    public void free() {
      floats = new float[0];
    }

    @Override
    public void close() {
      arrays.giveBack(this);
    }
  }

  /// Borrowed native memory.
  final class Scratch implements Piece, AutoCloseable {
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

    @Override
    public long bytes() {
      return segment.byteSize();
    }

    /// The old memory is freed first, so that both are never there at once, and forgotten first, in case there is no new one.
    @Override
    public void grow(long bytes) {
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

    @Override
    public void free() {
      var old = arena;
      arena = null;
      segment = MemorySegment.NULL;
      if (old != null) old.close();
    }

    @Override
    public void close() {
      segments.giveBack(this);
    }
  }
}
