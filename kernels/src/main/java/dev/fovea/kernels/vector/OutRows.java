package dev.fovea.kernels.vector;

/// Where the rows of a product go.
@FunctionalInterface
interface OutRows {
  /// Position of row `row`, in floats.
  long at(int row);
}
