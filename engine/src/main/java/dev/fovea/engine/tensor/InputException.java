package dev.fovea.engine.tensor;

import dev.fovea.engine.text.OneLine;

/// Thrown when a model does not accept an input, mostly because of its shape. The message is one line: the expected input, and in
/// most cases the actual one.
public final class InputException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  public InputException(String message) {
    super(OneLine.of(message));
  }
}
