package dev.fovea.kernels.tornado;

import dev.fovea.kernels.BufferVisitor;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// An operation on memory of the host as a pass, whose result is a state: it is there when the program is closed.
record SingleOperation(Recording recording, Map<String, MemorySegment> given) {
  static SingleOperation of(Operation operation) {
    var buffers = new Buffers();
    var recorded = operation.on(buffers);
    var inputs = new LinkedHashMap<String, Recording.Buffer>();
    var given = new LinkedHashMap<String, MemorySegment>();
    buffers.found.forEach((memory, buffer) -> {
      var name = "buffer " + inputs.size();
      inputs.put(name, buffer);
      given.put(name, memory);
    });
    return new SingleOperation(new Recording(List.of(recorded), inputs, List.of(), List.of(), Plan.of(List.of(), operation.macs()),
        Recording.Constants.NONE), given);
  }

  /// Gives the memory of the host addresses of a recording.
  private static final class Buffers implements BufferVisitor {
    private static final long GAP = 64;
    private final Map<MemorySegment, Recording.Buffer> found = new LinkedHashMap<>();
    private long next = Recording.FIRST_ADDRESS;

    private MemorySegment recorded(MemorySegment memory) {
      var buffer = found.get(memory);
      if (buffer == null) {
        found.put(memory, buffer = new Recording.Buffer(next, memory.byteSize()));
        next += memory.byteSize() + GAP;
      }
      return MemorySegment.ofAddress(buffer.address());
    }

    @Override
    public MemorySegment dense(String name, MemorySegment buffer, long... shape) {
      return recorded(buffer);
    }

    @Override
    public MemorySegment strided(String name, Matrices matrices) {
      return recorded(matrices.segment());
    }

    @Override
    public MemorySegment weight(Weight weight) {
      return weight.segment();
    }
  }
}
