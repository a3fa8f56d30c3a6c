package dev.fovea.converter;

import dev.fovea.converter.source.SourceTensor;

/// An inference-time batch norm: `y = (x - mean) / √(var + eps) · weight + bias`, which can be folded into the convolution before
/// it (Ioffe and Szegedy, "Batch Normalization", 2015). All four tensors are `[channels]`.
record BatchNorm(SourceTensor weight, SourceTensor bias, SourceTensor mean, SourceTensor variance) {
  /// PyTorch's default, which all models converted here use.
  private static final double EPS = 1e-5;

  /// The variance of an identity norm, with weight 1, bias 0 and mean 0. As a float it is off by less than a quarter ulp of the
  /// scaled value, so folding it changes no float.
  static final float IDENTITY_VARIANCE = (float) (1 - EPS);

  /// The factor for the weights of output `channel`.
  double scale(long channel) {
    return weight.floatAt(channel) / Math.sqrt(variance.floatAt(channel) + EPS);
  }

  /// The folded bias of `channel`, from the convolution's bias `before`.
  double bias(long channel, double before) {
    return (before - mean.floatAt(channel)) * scale(channel) + bias.floatAt(channel);
  }
}
