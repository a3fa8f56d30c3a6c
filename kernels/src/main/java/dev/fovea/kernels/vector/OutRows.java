package dev.fovea.kernels.vector;

/// The positions of a product's rows in its output.
@FunctionalInterface
interface OutRows {
  /// Position of row `row`, in floats.
  long at(int row);
}
