package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import java.util.Arrays;
import java.util.Objects;

/// A table with one vector per token of a vocabulary.
///
/// @param table `[tokens, C]`
public record Embedding(Weight table) {
  public Embedding {
    Objects.requireNonNull(table, "table");
  }

  /// An embedding whose table is a tensor `[N, C]`.
  public static Embedding of(Tensor table) {
    return new Embedding(Weight.rows(table.segment(), table.dim(0), table.dim(1)));
  }

  /// Token ids `[…]` → `[…, C]`.
  ///
  /// @throws IllegalArgumentException if an id is not in the vocabulary
  public Tensor forward(Tensor ids) {
    var shape = Arrays.copyOf(ids.shape(), ids.rank() + 1);
    shape[ids.rank()] = table.k();
    var out = ids.allocate(shape);
    ids.run(new Operation.Gather(table, ids.segment(), out.segment(), Math.toIntExact(ids.size())));
    return out;
  }
}
