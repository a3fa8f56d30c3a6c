package dev.fovea.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/// Memory for the buffers of a [Recording]: one block with the planned places, and separate memory for each input and constant.
///
/// Its places do not change, so threads may share it. The memory belongs to the arena.
public final class Placement implements BufferVisitor {
  private final TreeMap<Long, MemorySegment> byAddress = new TreeMap<>();

  /// @param arena owns the allocated memory
  /// @param given memory for inputs provided by the caller, by name; other inputs are allocated
  /// @throws IllegalArgumentException if the pass has no input of such a name, or the memory has another size
  public Placement(Recording recording, Arena arena, Map<String, MemorySegment> given) {
    for (var name : given.keySet())
      if (!recording.inputs().containsKey(name))
        throw new IllegalArgumentException("input '" + name + "': expected one of " + recording.inputs().keySet());
    recording.inputs().forEach((name, buffer) -> {
      var memory = given.containsKey(name) ? given.get(name) : arena.allocate(buffer.bytes(), Plan.ALIGNMENT);
      if (memory.byteSize() != buffer.bytes())
        throw new IllegalArgumentException("input '" + name + "': expected " + buffer.bytes() + " bytes, got " + memory.byteSize());
      byAddress.put(buffer.address(), memory);
    });
    for (var buffer : recording.constants().buffers())
      byAddress.put(buffer.address(), arena.allocate(buffer.bytes(), Plan.ALIGNMENT));
    var memory = arena.allocate(recording.plan().bytes(), Plan.ALIGNMENT);
    for (int i = 0; i < recording.buffers().size(); i++) {
      var place = recording.plan().place(i);
      byAddress.put(recording.buffers().get(i).address(), memory.asSlice(place.offset(), place.bytes()));
    }
  }

  /// The memory of a recorded buffer or of a part of one. Memory outside the recording, such as a weight's, is returned as it is.
  public MemorySegment at(MemorySegment recorded, long bytes) {
    Objects.requireNonNull(recorded, "recorded");
    if (!Recording.holds(recorded)) return recorded;
    var buffer = byAddress.floorEntry(recorded.address());
    return buffer.getValue().asSlice(recorded.address() - buffer.getKey(), bytes);
  }

  @Override
  public MemorySegment dense(String name, MemorySegment buffer, long... shape) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(buffer, "buffer");
    Objects.requireNonNull(shape, "shape");
    long bytes = Float.BYTES;
    for (long size : shape) bytes *= size;
    return at(buffer, bytes);
  }

  @Override
  public MemorySegment strided(String name, Matrices matrices) {
    Objects.requireNonNull(name, "name");
    return at(matrices.segment(), Float.BYTES * matrices.extent());
  }

  @Override
  public MemorySegment weight(Weight weight) {
    return at(weight.segment(), Weight.bytes(weight.format(), weight.layout(), weight.n(), weight.k()));
  }
}
