package dev.fovea.kernels.vector;

import dev.fovea.kernels.Workers;

/// Splits rows and ranges into tasks large enough for a thread. Each task borrows a scratch array. A returned [Runnable] runs all
/// tasks, any number of times, and allocates nothing.
record Chunks(Workers workers, ScratchPool scratch) {
  /// Most and fewest floats per task: multiples of the lanes of every vector. A task of the fewest takes about as long as a join.
  private static final int MOST = 1 << 14, FEWEST = 1 << 11;
  /// Tasks per thread, if they are not too small.
  private static final int TASKS = 3;

  /// A task with an array to work in.
  @FunctionalInterface
  interface ArrayTask {
    void run(int index, float[] s);
  }

  /// Works on rows `[from, to)`.
  @FunctionalInterface
  interface Rows {
    void run(int from, int to, float[] s);
  }

  /// Works on floats `[from, to)`.
  @FunctionalInterface
  interface Range {
    void run(long from, long to, float[] s);
  }

  /// Works on floats `[from, to)`, the first of them at position `at` of its period.
  @FunctionalInterface
  interface PeriodicRange {
    void run(long from, long to, long at, float[] s);
  }

  /// Tasks `0 … count - 1`.
  Runnable tasks(int count, Workers.Task task) {
    return () -> workers.forEach(count, task);
  }

  /// So many tasks, each with an array of `room` floats.
  Runnable tasks(int count, int room, ArrayTask task) {
    scratch.reserveArrays(Math.min(count, workers.threads()), room);
    return tasks(count, i -> {
      try (var loan = scratch.borrowArray(room)) {
        task.run(i, loan.floats());
      }
    });
  }

  /// Groups of rows.
  ///
  /// @param room floats of the array
  Runnable groups(int rows, int cols, int room, Rows group) {
    int together = Math.max(1, size((long) rows * cols) / Math.max(1, cols)), tasks = cols == 0 ? 0 : Math.ceilDiv(rows, together);
    return tasks(tasks, room, (i, s) -> group.run(i * together, Math.min(rows, (i + 1) * together), s));
  }

  /// Chunks of `[0, n)`; the array has [Elements#ROOM] floats.
  Runnable chunks(long n, Range range) {
    int size = size(n);
    return tasks(Math.toIntExact(Math.ceilDiv(n, (long) size)), Elements.ROOM, (chunk, s) ->
        range.run((long) chunk * size, Math.min(n, (chunk + 1L) * size), s));
  }

  /// Floats per task of `n` floats.
  private int size(long n) {
    return Math.clamp(Math.ceilDiv(n, TASKS * workers.threads() * (long) FEWEST) * FEWEST, FEWEST, MOST);
  }

  /// Chunks of `[0, n)` that do not cross a multiple of `period`; the array has [Elements#ROOM] floats.
  Runnable periods(long n, long period, PeriodicRange range) {
    return chunks(n, (begin, end, s) -> {
      for (long from = begin; from < end; ) {
        long at = from % period, to = Math.min(end, from + period - at);
        range.run(from, to, at, s);
        from = to;
      }
    });
  }
}
