package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import java.util.Arrays;

/// A vector for each token of a vocabulary.
///
/// @param table `[tokens, C]`
public record Embedding(Weight table) {
  /// Token numbers `[…]` → `[…, C]`.
  ///
  /// @throws IllegalArgumentException if a number is none of the vocabulary's
  public Tensor forward(Tensor ids) {
    var shape = Arrays.copyOf(ids.shape(), ids.rank() + 1);
    shape[ids.rank()] = table.k();
    var out = ids.allocate(shape);
    ids.run(new Operation.Gather(table, ids.segment(), out.segment(), Math.toIntExact(ids.size())));
    return out;
  }
}
