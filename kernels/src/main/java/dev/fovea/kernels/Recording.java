package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/// A forward pass as data: enough to count it, to plan its memory and to run it again without the model.
///
/// Buffers of the pass lie at addresses that no memory has, one after the other from [#FIRST_ADDRESS] on; a weight is the weight
/// itself. An input that an operation writes is the pass's state: it outlives a run.
///
/// @param operations in the order in which they run
/// @param inputs what the pass is given, by name
/// @param buffers what lies between the operations, in the order in which they were allocated
/// @param outputs what is read after a run: `buffers`, or parts of them
/// @param plan where each of `buffers` lies in one block of memory
/// @param constants what depends on weights alone and runs once, before the first run
public record Recording(List<Operation> operations, Map<String, Buffer> inputs, List<Buffer> buffers, List<Buffer> outputs,
    Plan plan, Constants constants) {
  /// Where the buffers of a recording begin: beyond what a process can address.
  public static final long FIRST_ADDRESS = 1L << 50;

  /// A buffer of the pass.
  ///
  /// @param address where it pretends to lie
  public record Buffer(long address, long bytes) {}

  /// Operations that need to run once only.
  ///
  /// @param buffers what they write, each in memory of its own
  public record Constants(List<Operation> operations, List<Buffer> buffers) {
    /// None.
    public static final Constants NONE = new Constants(List.of(), List.of());
  }

  /// Whether a segment is a buffer of a recording, which has no memory.
  public static boolean holds(MemorySegment segment) {
    return segment.address() >= FIRST_ADDRESS;
  }

  /// Multiply-accumulates of all operations, the constants' not included.
  public long macs() {
    return plan.macs();
  }

  /// Runs the pass once, without the model.
  ///
  /// @param inputs their contents, by name
  /// @return the pass with its results, see [Program#memory]; the caller closes it
  /// @throws IllegalArgumentException if an input is missing or has another size
  public Program run(Kernels kernels, Map<String, MemorySegment> inputs) {
    for (var name : this.inputs.keySet())
      if (!inputs.containsKey(name)) throw new IllegalArgumentException("input '" + name + "' is missing");
    var program = kernels.prepare(this, inputs);
    try {
      program.run(_ -> {});
      return program;
    } catch (RuntimeException | Error e) {
      program.close();
      throw e;
    }
  }
}
