package dev.fovea.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.TreeSet;

/// An operation with its operands, ready to run. It has `rows` rows of results, each of which can be computed alone, so that the
/// reference provider can check some of them.
final class Case {
  /// The operation on rows `[from, from + count)`.
  @FunctionalInterface
  interface Operation {
    /// @param x all input
    /// @param out `[count, outSize]`, the results of these rows alone
    void run(Kernels kernels, MemorySegment x, int from, int count, MemorySegment out);
  }

  /// Largest allowed error, relative to the largest number in the row. Float32 sums of 3072 products stay a factor of ten below.
  private static final double BOUND = 1e-5;

  private final Arena arena;
  private final int rows, outSize;
  private final boolean inPlace;
  private final Operation operation;
  private final MemorySegment x, out;

  private Case(Arena arena, int rows, long inSize, int outSize, boolean inPlace, Operation operation) {
    this.arena = arena;
    this.rows = rows;
    this.outSize = outSize;
    this.inPlace = inPlace;
    this.operation = operation;
    x = Operands.random(arena, inSize, 2);
    out = arena.allocate(4L * rows * outSize, 64);
  }

  /// An operation that reads `inSize` numbers and writes `[rows, outSize]` elsewhere.
  static Case of(Arena arena, long inSize, int rows, int outSize, Operation operation) {
    return new Case(arena, rows, inSize, outSize, false, operation);
  }

  /// An in-place operation on `[rows, cols]`.
  static Case inPlace(Arena arena, int rows, int cols, Operation operation) {
    return new Case(arena, rows, (long) rows * cols, cols, true, operation);
  }

  /// Restores the operands after a run in place.
  void restore() {
    if (inPlace) out.copyFrom(x);
  }

  /// The operation on all rows.
  void run(Kernels kernels) {
    operation.run(kernels, inPlace ? out : x, 0, rows, out);
  }

  /// Runs once and compares with the reference provider.
  ///
  /// @throws IllegalStateException if a result is wrong
  void runChecked(Kernels kernels) {
    out.fill((byte) -1);   // NaN, so that unwritten results are noticed
    restore();
    run(kernels);
    check();
  }

  /// Compares some rows of the results with the reference provider's: the first, the last, and rows within and at the edges of
  /// kernels' blocks.
  ///
  /// @throws IllegalStateException if a result is wrong
  void check() {
    var expected = arena.allocate(4L * outSize, 64);
    try (var reference = KernelProvider.REFERENCE.open(Workers.threads(1))) {
      for (int row : new TreeSet<>(List.of(0, Math.min(13, rows - 1), rows / 2, Math.max(rows - 2, 0), rows - 1))) {
        operation.run(reference, x, row, 1, expected);
        compare(row, expected);
      }
    }
  }

  private void compare(int row, MemorySegment expected) {
    double largest = 0;
    for (int i = 0; i < outSize; i++)
      if (!Float.isNaN(expected.getAtIndex(JAVA_FLOAT, i))) largest =
          Math.max(largest, Math.abs(expected.getAtIndex(JAVA_FLOAT, i)));
    for (int i = 0; i < outSize; i++) {
      float actual = out.getAtIndex(JAVA_FLOAT, (long) row * outSize + i), right = expected.getAtIndex(JAVA_FLOAT, i);
      // The NaN that means "none" has other bits than the one that means "not written".
      if (Float.floatToRawIntBits(actual) == Float.floatToRawIntBits(right)) continue;
      if (!(Math.abs((double) actual - right) <= BOUND * largest))
        throw new IllegalStateException("row " + row + ", column " + i + ": expected " + right + ", got " + actual);
    }
  }

  /// The results, `[rows, outSize]`.
  MemorySegment out() {
    return out;
  }
}
