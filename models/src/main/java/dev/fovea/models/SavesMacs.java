package dev.fovea.models;

/// A model whose implementation takes fewer multiply-accumulates than the published architecture, for the same outputs.
public interface SavesMacs {
  /// Multiply-accumulates of the published architecture minus those of this implementation.
  ///
  /// @param size side of the pictures in pixels, or 0 for the model's default size
  long savedMacs(int batch, int size);
}
