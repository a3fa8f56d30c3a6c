package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// A batch of `outer × inner` float32 matrices `[rows, cols]` in one segment, with any strides. For example, the heads of a fused
/// `[B, N, 3, H, D]` projection are such a batch without a copy.
///
/// Strides count floats. Element `(o, i, r, c)` lies at
/// `o · outerStride + i · innerStride + r · rowStride + c · colStride`.
///
/// @param segment native memory with all elements
public record Matrices(MemorySegment segment, int outer, int inner, int rows, int cols,
    long outerStride, long innerStride, long rowStride, long colStride) {

  /// @throws IllegalArgumentException if a size or stride is negative; operations check the memory
  public Matrices {
    Objects.requireNonNull(segment, "segment");
    if (outer < 0 || inner < 0 || rows < 0 || cols < 0)
      throw new IllegalArgumentException("matrices: negative size in [" + outer + ", " + inner + ", " + rows + ", " + cols + "]");
    if (outerStride < 0 || innerStride < 0 || rowStride < 0 || colStride < 0)
      throw new IllegalArgumentException("matrices: negative stride in [" + outerStride + ", " + innerStride + ", " + rowStride
          + ", " + colStride + "]");
  }

  /// `count` matrices in contiguous memory, in row-major order.
  public static Matrices dense(MemorySegment segment, int count, int rows, int cols) {
    return new Matrices(segment, 1, count, rows, cols, (long) count * rows * cols, (long) rows * cols, cols, 1);
  }

  /// Matrices of the same sizes and strides in another segment.
  public Matrices in(MemorySegment segment) {
    return new Matrices(segment, outer, inner, rows, cols, outerStride, innerStride, rowStride, colStride);
  }

  /// The first `count` rows of each matrix.
  public Matrices firstRows(int count) {
    return new Matrices(segment, outer, inner, count, cols, outerStride, innerStride, rowStride, colStride);
  }

  /// The same elements with rows and columns swapped.
  public Matrices transposed() {
    return new Matrices(segment, outer, inner, cols, rows, outerStride, innerStride, colStride, rowStride);
  }

  /// Position of element `(0, 0)` of matrix `(o, i)`, in floats.
  public long start(int o, int i) {
    return o * outerStride + i * innerStride;
  }

  /// Position of an element, in floats.
  public long index(int o, int i, int row, int col) {
    return start(o, i) + row * rowStride + col * colStride;
  }

  /// Whether the batch has no elements.
  public boolean isEmpty() {
    return outer == 0 || inner == 0 || rows == 0 || cols == 0;
  }

  /// Number of floats from the first element to the end of the last.
  public long extent() {
    return isEmpty() ? 0 : 1 + index(outer - 1, inner - 1, rows - 1, cols - 1);
  }
}
