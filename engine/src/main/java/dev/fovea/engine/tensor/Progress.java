package dev.fovea.engine.tensor;

/// Hears how far a long call has come.
@FunctionalInterface
public interface Progress {
  /// Hears nothing.
  Progress NONE = (_, _) -> {};

  /// Called on the computing thread before each operation.
  ///
  /// @param done multiply-accumulates of the operations so far, the one about to run included
  /// @param total multiply-accumulates of the whole pass
  void advanced(long done, long total);
}
