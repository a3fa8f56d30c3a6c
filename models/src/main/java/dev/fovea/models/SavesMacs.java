package dev.fovea.models;

/// A model that needs fewer multiply-accumulates than the published architecture, for the same outputs.
public interface SavesMacs {
  /// Multiply-accumulates of the published architecture that this implementation does without.
  ///
  /// @param size side of the pictures in pixels, or 0 for the size that the model was made for
  long savedMacs(int batch, int size);
}
