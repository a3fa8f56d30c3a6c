package dev.fovea.engine.tensor;

/// Thrown when a computing thread was interrupted. The thread stays interrupted, so that its owner can tell.
public final class CancelledException extends RuntimeException {
  private static final long serialVersionUID = 1;

  CancelledException() {
    super("interrupted");
  }
}
