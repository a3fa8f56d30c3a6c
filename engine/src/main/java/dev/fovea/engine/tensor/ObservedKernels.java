package dev.fovea.engine.tensor;

import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import java.util.function.Consumer;
import org.jetbrains.annotations.Nullable;

/// Passes every operation to an observer, then to the target; without a target, to the observer only.
record ObservedKernels(@Nullable Kernels target, Consumer<Operation> observer) implements Kernels {
  @Override
  public String name() {
    return target == null ? "recorder" : target.name();
  }

  @Override
  public int threads() {
    return target == null ? 1 : target.threads();
  }

  @Override
  public void run(Operation operation) {
    observer.accept(operation);
    if (target != null) target.run(operation);
  }

  /// Does nothing: the creator of the target closes it.
  @Override
  public void close() {}
}
