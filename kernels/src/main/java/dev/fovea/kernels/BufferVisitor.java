package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Visits the buffers of an [Operation], each with the shape that the operation needs, and may put another in its place.
///
/// An operation hands each of its buffers to this visitor to make the operation that [Operation#on] returns. So whoever lists,
/// checks or moves buffers cannot miss one.
public interface BufferVisitor {
  /// A buffer of exactly `shape` float32 numbers, rows one after the other.
  ///
  /// @param name what error messages call it
  MemorySegment dense(String name, MemorySegment buffer, long... shape);

  /// A buffer that holds at least the elements of `matrices`.
  MemorySegment strided(String name, Matrices matrices);

  /// The buffer of a weight, in its own element type and layout.
  MemorySegment weight(Weight weight);

  /// [#dense] where there may be no buffer.
  default @Nullable MemorySegment optional(String name, @Nullable MemorySegment buffer, long... shape) {
    return buffer == null ? null : dense(name, buffer, shape);
  }

  /// Visits one batch of matrices.
  default Matrices of(String name, Matrices matrices) {
    return matrices.in(strided(name, matrices));
  }

  /// Visits one weight.
  default Weight of(Weight weight) {
    return weight.in(weight(weight));
  }
}
