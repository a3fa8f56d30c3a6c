package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Operation;
import java.util.Objects;

/// Normalises groups of channels of a whole map to mean 0 and variance 1, then applies weight and bias (Wu and He, "Group
/// Normalization", 2018).
///
/// @param weight `[C]`
/// @param bias `[C]`
public record GroupNorm(Tensor weight, Tensor bias, int groups, float eps) {
  /// @throws IllegalArgumentException if the channels are not a multiple of the groups
  public GroupNorm {
    Objects.requireNonNull(weight, "weight");
    Objects.requireNonNull(bias, "bias");
    if (groups < 1 || weight.dim(0) % groups != 0)
      throw new IllegalArgumentException("group norm: " + weight.dim(0) + " channels are not a multiple of " + groups + " groups");
  }

  /// `[B, …, C]` → `[B, …, C]`; each item of the batch is a map.
  ///
  /// @throws IllegalArgumentException if the last dimension of `x` is not `C`
  public Tensor forward(Tensor x) {
    int batch = x.dim(0), channels = x.dim(-1);
    if (channels != weight.dim(0)) throw new IllegalArgumentException("group norm: expected " + weight + " channels, got " + x);
    var out = x.allocate(x.shape());
    int positions = batch == 0 ? 0 : Math.toIntExact(x.size() / channels / batch);
    x.run(new Operation.GroupNorm(x.segment(), weight.segment(), bias.segment(), eps, out.segment(), batch, positions, channels,
        groups));
    return out;
  }
}
