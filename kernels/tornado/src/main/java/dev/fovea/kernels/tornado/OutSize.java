package dev.fovea.kernels.tornado;

import dev.fovea.kernels.BufferVisitor;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Finds out whether an operation has results, by the shape of its output: recorded buffers do not know their size.
final class OutSize implements BufferVisitor {
  private static final String OUT = "out";

  private boolean isEmpty;

  static boolean isEmpty(Operation operation) {
    var size = new OutSize();
    operation.on(size);
    return size.isEmpty;
  }

  @Override
  public MemorySegment dense(String name, MemorySegment buffer, long... shape) {
    if (name.equals(OUT)) isEmpty = Arrays.stream(shape).anyMatch(n -> n == 0);
    return buffer;
  }

  @Override
  public MemorySegment strided(String name, Matrices matrices) {
    if (name.equals(OUT)) isEmpty = matrices.isEmpty();
    return matrices.segment();
  }

  @Override
  public MemorySegment weight(Weight weight) {
    return weight.segment();
  }
}
