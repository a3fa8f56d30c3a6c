package dev.fovea.kernels.tornado;

import dev.fovea.kernels.BufferVisitor;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/// An operation on host memory with contents, for a comparison of kernels.
record Case(String name, Operation operation) {
  /// The same operation on copies of all buffers; what was one buffer stays one.
  Operation copy() {
    return operation.on(new Copies());
  }

  @Override
  public String toString() {
    return name + " " + operation.description();
  }

  private static final class Copies implements BufferVisitor {
    private final Map<MemorySegment, MemorySegment> copies = new LinkedHashMap<>();

    private MemorySegment copy(MemorySegment buffer) {
      return Objects.requireNonNull(copies.computeIfAbsent(buffer, b -> Arena.ofAuto().allocate(b.byteSize(), 4).copyFrom(b)));
    }

    @Override
    public MemorySegment dense(String name, MemorySegment buffer, long... shape) {
      return copy(buffer);
    }

    @Override
    public MemorySegment strided(String name, Matrices matrices) {
      return copy(matrices.segment());
    }

    @Override
    public MemorySegment weight(Weight weight) {
      return copy(weight.segment());
    }
  }
}
