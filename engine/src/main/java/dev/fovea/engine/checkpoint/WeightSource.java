package dev.fovea.engine.checkpoint;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.util.Objects;
import java.util.Set;

/// A source of a model's parameters: a file, or a generator for any shape. It need not be thread-safe. What it gives is in memory
/// that its maker owns, and nobody writes it.
public interface WeightSource {
  /// Initial values of a generated parameter.
  enum Initial {
    /// Random numbers, such as a matrix's.
    RANDOM,
    /// Ones, such as a norm's scale.
    ONES
  }

  /// The names of all parameters, each of which must be used; empty for a generator.
  Set<String> names();

  /// Name of the source in error messages.
  String description();

  /// A float32 tensor.
  ///
  /// @throws MismatchException if it is missing or has another shape
  Tensor tensor(String name, Initial initial, int... shape);

  /// The matrix `[n, k]` of a linear layer.
  ///
  /// @throws MismatchException if it is missing or has another shape
  Weight matrix(String name, int n, int k);

  /// The table `[n, k]` whose rows are only looked up, such as an embedding: a [#matrix], which a source may store with finer
  /// steps, because a row is read alone.
  ///
  /// @throws MismatchException if it is missing or has another shape
  default Weight table(String name, int n, int k) {
    Objects.requireNonNull(name, "name");
    return matrix(name, n, k);
  }

  /// Thrown when a parameter is missing or has another shape than the model expects; [Weights#bind] collects these.
  final class MismatchException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public MismatchException(String message) {
      super(message, null, false, false);
    }
  }

  /// A source of parameters with shapes but no memory, for counting.
  static WeightSource shapesOnly() {
    return new WeightSource() {
      @Override
      public Set<String> names() {
        return Set.of();
      }

      @Override
      public String description() {
        return "shapes";
      }

      @Override
      public Tensor tensor(String name, Initial initial, int... shape) {
        return Tensor.shapeOnly(shape);
      }

      @Override
      public Weight matrix(String name, int n, int k) {
        return new Weight(java.lang.foreign.MemorySegment.NULL, WeightFormat.F32, Weight.Layout.PANELS, n, k);
      }
    };
  }
}
