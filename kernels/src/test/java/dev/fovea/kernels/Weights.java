package dev.fovea.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;

/// Stores a weight in another form, element by element.
final class Weights {
  private Weights() {}

  /// The weight in float32, each element rounded as `type` rounds it.
  static Weight rounded(Weight rows, Weight.Type type) {
    return convert(convert(rows, type, Weight.Layout.ROWS), Weight.Type.F32, Weight.Layout.ROWS);
  }

  static Weight convert(Weight rows, Weight.Type type, Weight.Layout layout) {
    var segment = Arena.ofAuto().allocate(Weight.bytes(type, layout, rows.n(), rows.k()), 2);
    var weight = new Weight(segment, type, layout, rows.n(), rows.k());
    for (int n = 0; n < rows.n(); n++)
      for (int k = 0; k < rows.k(); k++) {
        float value = rows.get(n, k);
        long index = weight.index(n, k);
        switch (type) {
          case F32 -> segment.set(JAVA_FLOAT_UNALIGNED, index * 4, value);
          case F16 -> segment.set(JAVA_SHORT_UNALIGNED, index * 2, Float.floatToFloat16(value));
          case BF16 -> segment.set(JAVA_SHORT_UNALIGNED, index * 2, (short) (Float.floatToRawIntBits(value) >>> 16));
        }
      }
    return weight;
  }
}
