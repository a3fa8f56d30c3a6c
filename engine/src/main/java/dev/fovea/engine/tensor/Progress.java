package dev.fovea.engine.tensor;

/// A listener for the progress of a long call, called on the thread that makes the call. What it throws ends the call, which throws
/// it. One that is given to calls of several threads is called by these at once.
@FunctionalInterface
public interface Progress {
  /// Ignores all progress.
  Progress NONE = (_, _) -> {};

  /// Called before each operation: hundreds of times a pass, so it should return at once.
  ///
  /// @param done multiply-accumulates of the operations so far, the one about to run included
  /// @param total multiply-accumulates of the whole pass
  void advanced(long done, long total);
}
