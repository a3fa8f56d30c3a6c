package dev.fovea.engine.tensor;

import dev.fovea.engine.text.OneLine;

/// Thrown when a model cannot take an input of this shape. The message is one line that says what was expected and what
/// came.
public final class InputException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  public InputException(String message) {
    super(OneLine.of(message));
  }
}
