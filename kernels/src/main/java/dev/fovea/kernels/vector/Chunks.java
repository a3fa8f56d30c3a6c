package dev.fovea.kernels.vector;

import dev.fovea.kernels.Workers;

/// Splits rows and ranges into tasks large enough for a thread. Each task borrows a scratch array. A returned [Runnable] runs all
/// tasks, any number of times, and allocates nothing.
record Chunks(Workers workers, ScratchPool scratch) {
  /// Floats per task; a multiple of the lanes of every vector.
  private static final int SIZE = 1 << 14;

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
    int together = Math.max(1, SIZE / Math.max(1, cols)), tasks = cols == 0 ? 0 : Math.ceilDiv(rows, together);
    return tasks(tasks, room, (i, s) -> group.run(i * together, Math.min(rows, (i + 1) * together), s));
  }

  /// Chunks of `[0, n)`; the array has [Elements#ROOM] floats.
  Runnable chunks(long n, Range range) {
    return tasks(Math.toIntExact(Math.ceilDiv(n, (long) SIZE)), Elements.ROOM, (chunk, s) ->
        range.run((long) chunk * SIZE, Math.min(n, (chunk + 1L) * SIZE), s));
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
