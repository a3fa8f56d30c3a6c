package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Operation;
import java.util.Arrays;
import java.util.Objects;

/// Embeddings of numbers by the sines and cosines of several frequencies, in turn (Vaswani et al., "Attention Is All You Need",
/// 2017).
///
/// @param basis turns per unit, `[1, F / 2]`
public record SinePositions(Tensor basis) {
  public SinePositions {
    Objects.requireNonNull(basis, "basis");
  }

  /// `[…, n]` → `[…, n · F]`: for each number, `sin, cos` of each frequency.
  public Tensor forward(Tensor x) {
    int count = Math.toIntExact(x.size()), half = basis.dim(1);
    var waves = x.allocate(count, 2, half);                                               // all sines, then all cosines
    x.run(new Operation.Fourier(x.segment(), 1, 0, basis.segment(), waves.segment(), count, 1, half));
    var shape = Arrays.copyOf(x.shape(), x.rank());
    shape[shape.length - 1] *= 2 * half;
    return waves.transposed(1, 2).contiguous().reshape(shape);
  }
}
