package dev.fovea.engine.tensor;

import dev.fovea.engine.text.OneLine;

/// Thrown when a thread is interrupted that computes, or that reads or writes a file. Its interrupt status stays set. The file is
/// not to blame, and one that was being written is as it was before.
public final class CancelledException extends RuntimeException {
  private static final long serialVersionUID = 1;

  CancelledException() {
    super("interrupted");
  }

  /// @param name what was being read or written
  public CancelledException(String name, Throwable cause) {
    super(OneLine.of(name + ": interrupted"), cause);
  }
}
