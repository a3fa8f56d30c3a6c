package dev.fovea.engine.tensor;

import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// The operations of a kind of pass in their order, as the kernels have bound them: a later pass on the same memory neither checks
/// nor binds them again.
///
/// Operations on an input or a constant are bound in every pass, because its memory belongs to others: they may free it, and other
/// memory may have the same address.
final class BoundSteps {
  private final Kernels kernels;
  private final List<@Nullable Bound> steps = new ArrayList<>();
  /// The memory of the steps.
  private MemorySegment memory = MemorySegment.NULL;
  /// State of a pass: its inputs and constants, and the index of its next operation.
  private final List<Tensor> foreign = new ArrayList<>();
  private int next;

  private record Bound(Operation operation, Runnable step) {}

  BoundSteps(Kernels kernels) {
    this.kernels = kernels;
  }

  /// Begins a pass.
  ///
  /// @param memory of all tensors of the pass; steps on other memory are forgotten
  void begin(MemorySegment memory, Collection<Tensor> inputs) {
    if (memory != this.memory) steps.clear();
    this.memory = memory;
    foreign.addAll(inputs);
    next = 0;
  }

  /// Notes a constant that the pass uses.
  void uses(Tensor constant) {
    foreign.add(constant);
  }

  /// Ends a pass, successful or not.
  void end() {
    foreign.clear();
  }

  /// Runs the next operation of the pass.
  void run(Operation operation) {
    int index = next++;
    var known = index < steps.size() ? steps.get(index) : null;
    if (known == null || !known.operation.equals(operation)) {
      known = new Bound(operation, kernels.bind(operation));
      keep(index, isOnForeignMemory(operation) ? null : known);
    }
    known.step.run();
  }

  private void keep(int index, @Nullable Bound step) {
    while (steps.size() <= index) steps.add(null);
    steps.set(index, step);
  }

  private boolean isOnForeignMemory(Operation operation) {
    for (var buffer : operation.buffers())
      for (var tensor : foreign)
        if (buffer.address() < tensor.address() + Math.max(1, tensor.extentBytes())
            && tensor.address() < buffer.address() + Math.max(1, buffer.byteSize()))
          return true;
    return false;
  }
}
