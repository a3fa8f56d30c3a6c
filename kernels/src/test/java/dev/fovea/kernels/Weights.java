package dev.fovea.kernels;

import java.lang.foreign.Arena;

/// Stores a weight in another form.
final class Weights {
  private Weights() {}

  static Weight convert(Weight rows, WeightFormat format, Weight.Layout layout) {
    var segment = Arena.ofAuto().allocate(Weight.bytes(format, layout, rows.n(), rows.k()), 2);
    var weight = new Weight(segment, format, layout, rows.n(), rows.k());
    rows.copyTo(weight);
    return weight;
  }
}
