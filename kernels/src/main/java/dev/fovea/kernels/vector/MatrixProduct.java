package dev.fovea.kernels.vector;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// A product with a weight, in vector or scalar loops.
interface MatrixProduct {
  /// `out = activation(x · weightᵀ + bias) + residual`, where row `r` of `out` and of `residual` lies at `rows.at(r)`.
  void run(RowReader x, int m, Weight weight, @Nullable MemorySegment bias, Activation activation, @Nullable MemorySegment residual,
      MemorySegment out, OutRows rows);
}
