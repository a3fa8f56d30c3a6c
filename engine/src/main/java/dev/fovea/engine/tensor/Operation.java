package dev.fovea.engine.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// One call of the kernels, as an observer at the door sees it.
///
/// @param name the method of [dev.fovea.kernels.Kernels]
/// @param shape its sizes, such as `M × N × K`
/// @param macs multiply-accumulates; 0 for what is not a product
/// @param buffers what it reads and writes, views of larger buffers included
public record Operation(String name, List<Integer> shape, long macs, List<MemorySegment> buffers) {
  @Override
  public String toString() {
    return name + shape + (macs == 0 ? "" : " " + macs + " MACs");
  }
}
