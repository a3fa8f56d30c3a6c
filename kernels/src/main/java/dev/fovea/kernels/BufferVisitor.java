package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Visits each buffer of an [Operation] with its required shape, and returns the same buffer or a replacement.
///
/// [Operation#on] builds its result from the returned buffers, so code that lists, checks or moves buffers cannot miss one.
public interface BufferVisitor {
  /// A buffer of exactly `shape` float32 numbers, in row-major order.
  ///
  /// @param name its name in error messages
  MemorySegment dense(String name, MemorySegment buffer, long... shape);

  /// A buffer that holds at least the elements of `matrices`.
  MemorySegment strided(String name, Matrices matrices);

  /// The buffer of a weight, in its own element type and layout.
  MemorySegment weight(Weight weight);

  /// [#dense] for a buffer that may be null.
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
