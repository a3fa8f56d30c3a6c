package dev.fovea.engine.tensor;

import java.util.List;

/// What a forward pass does, step by step.
///
/// @param operations in the order in which they run
/// @param plan where the tensors between them lie
public record Recording(List<Operation> operations, Plan plan) {
  /// Multiply-accumulates of all operations.
  public long macs() {
    return plan.macs();
  }
}
