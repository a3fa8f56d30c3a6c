package dev.fovea.kernels;

import java.lang.foreign.Arena;

/// Stores a weight in another form.
final class Weights {
  private Weights() {}

  /// The weight in float32, each element rounded as `format` rounds it.
  static Weight rounded(Weight rows, WeightFormat format) {
    return convert(convert(rows, format, Weight.Layout.ROWS), WeightFormat.F32, Weight.Layout.ROWS);
  }

  static Weight convert(Weight rows, WeightFormat format, Weight.Layout layout) {
    var segment = Arena.ofAuto().allocate(Weight.bytes(format, layout, rows.n(), rows.k()), 2);
    var weight = new Weight(segment, format, layout, rows.n(), rows.k());
    rows.copyTo(weight);
    return weight;
  }
}
