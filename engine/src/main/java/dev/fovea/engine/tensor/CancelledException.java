package dev.fovea.engine.tensor;

/// Thrown when the computing thread is interrupted. Its interrupt status stays set.
public final class CancelledException extends RuntimeException {
  private static final long serialVersionUID = 1;

  CancelledException() {
    super("interrupted");
  }
}
