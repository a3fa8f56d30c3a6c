package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// Adds every buffer that it visits to a list.
record BufferList(List<MemorySegment> visited) implements BufferVisitor {
  @Override
  public MemorySegment dense(String name, MemorySegment buffer, long... shape) {
    visited.add(buffer);
    return buffer;
  }

  @Override
  public MemorySegment strided(String name, Matrices matrices) {
    return dense(name, matrices.segment());
  }

  @Override
  public MemorySegment weight(Weight weight) {
    return dense("weight", weight.segment());
  }
}
