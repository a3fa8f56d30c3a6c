package dev.fovea.converter;

import dev.fovea.converter.source.SourceTensor;

/// A batch norm after training: `y = (x - mean) / √(var + eps) · weight + bias`, which the convolution before it can do by itself
/// (Ioffe and Szegedy, "Batch Normalization", 2015). All four are `[channels]`.
record BatchNorm(SourceTensor weight, SourceTensor bias, SourceTensor mean, SourceTensor variance) {
  /// PyTorch's; the models that are converted here have no other.
  private static final double EPS = 1e-5;

  /// The variance of a norm that does nothing where weight, bias and mean are 1, 0 and 0. As a float it is off by less than a
  /// quarter of a unit in the last place of what is scaled, so that folding it changes no float.
  static final float IDENTITY_VARIANCE = (float) (1 - EPS);

  /// What the weights that make `channel` are multiplied by.
  double scale(long channel) {
    return weight.floatAt(channel) / Math.sqrt(variance.floatAt(channel) + EPS);
  }

  /// The bias of `channel` where it was `before`.
  double bias(long channel, double before) {
    return (before - mean.floatAt(channel)) * scale(channel) + bias.floatAt(channel);
  }
}
