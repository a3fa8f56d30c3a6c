package dev.fovea.engine.tensor;

/// A listener for the progress of a long call.
@FunctionalInterface
public interface Progress {
  /// Ignores all progress.
  Progress NONE = (_, _) -> {};

  /// Called on the computing thread before each operation.
  ///
  /// @param done multiply-accumulates of the operations so far, the one about to run included
  /// @param total multiply-accumulates of the whole pass
  void advanced(long done, long total);
}
