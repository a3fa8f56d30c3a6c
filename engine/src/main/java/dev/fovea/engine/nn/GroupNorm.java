package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Operation;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/// Normalises groups of channels of a whole map to mean 0 and variance 1, then applies weight and bias (Wu and He, "Group
/// Normalization", 2018). With the channels of a group in one row, it is a layer norm.
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
    int batch = x.dim(0), channels = x.dim(-1), each = channels / groups;
    if (channels != weight.dim(0)) throw new IllegalArgumentException("group norm: expected " + weight + " channels, got " + x);
    int positions = Math.toIntExact(x.size() / batch / channels), cols = positions * each;
    var rows = x.reshape(batch, positions, groups, each).transposed(1, 2).contiguous();   // [B, groups, positions, each]
    var normed = x.allocate(rows.shape());
    x.run(new Operation.LayerNorm(rows.segment(), ones(x, cols).segment(), null, eps, normed.segment(), batch * groups, cols));
    return normed.transposed(1, 2).contiguous().reshape(x.shape()).times(weight).plus(bias);
  }

  private Tensor ones(Tensor x, int count) {
    return x.workspace().constant(List.of("ones", count), weight, home -> {
      var ones = new float[count];
      Arrays.fill(ones, 1);
      var tensor = home.allocate(count);
      tensor.set(Tensor.of(Arena.ofAuto(), ones, count));
      return tensor;
    });
  }
}
