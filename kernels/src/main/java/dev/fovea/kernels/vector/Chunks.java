package dev.fovea.kernels.vector;

import dev.fovea.kernels.Workers;

/// Cuts rows and ranges into tasks that are large enough to be worth handing to another thread. Each task borrows an array to work in.
record Chunks(Workers workers, ScratchPool scratch) {
  /// Floats of a task; a multiple of every vector's lanes.
  private static final int SIZE = 1 << 14;

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

  /// Works on floats `[from, to)`, the first of which has position `at` in its period.
  @FunctionalInterface
  interface PeriodicRange {
    void run(long from, long to, long at, float[] s);
  }

  /// Groups of rows.
  ///
  /// @param room floats of the array
  void forEachGroup(int rows, int cols, int room, Rows group) {
    if (cols == 0) return;
    int together = Math.max(1, SIZE / cols);
    workers.forEach(Math.ceilDiv(rows, together), i -> {
      try (var loan = scratch.borrowArray(room)) {
        group.run(i * together, Math.min(rows, (i + 1) * together), loan.floats());
      }
    });
  }

  /// Chunks of `[0, n)`; the array has [Elements#ROOM] floats.
  void forEachChunk(long n, Range range) {
    workers.forEach(Math.toIntExact(Math.ceilDiv(n, (long) SIZE)), chunk -> {
      try (var loan = scratch.borrowArray(Elements.ROOM)) {
        range.run((long) chunk * SIZE, Math.min(n, (chunk + 1L) * SIZE), loan.floats());
      }
    });
  }

  /// Chunks of `[0, n)` that do not cross a multiple of `period`; the array has [Elements#ROOM] floats.
  void forEachPeriod(long n, long period, PeriodicRange range) {
    if (n == 0) return;
    forEachChunk(n, (begin, end, s) -> {
      for (long from = begin; from < end; ) {
        long at = from % period, to = Math.min(end, from + period - at);
        range.run(from, to, at, s);
        from = to;
      }
    });
  }
}
