package dev.fovea.engine.image.webp;

import java.util.Comparator;
import java.util.stream.IntStream;

/// A nearby pixel, as denoted by the shortest distance codes (RFC 9649, section 3.6.2.2).
///
/// The specification's table is sorted by distance, then by rows above, most first, and then from left to right.
///
/// @param left number of columns to the left, -7 to 8
/// @param above number of rows above, 0 to 7
record Near(int left, int above) {
  private static final int LEFTMOST = 8, TOPMOST = 7;
  private static final Near[] ALL = IntStream.rangeClosed(0, TOPMOST).boxed()
      .flatMap(above -> IntStream.rangeClosed(above == 0 ? 1 : -TOPMOST, LEFTMOST).mapToObj(left -> new Near(left, above)))
      .sorted(Comparator.comparingInt(Near::squared).thenComparingInt(near -> -near.above).thenComparingInt(near -> -near.left))
      .toArray(Near[]::new);

  private int squared() {
    return left * left + above * above;
  }

  /// The distance of a code, from 1 on, in pixels of rows of this width.
  static int distance(int code, int width) {
    if (code > ALL.length) return code - ALL.length;
    var near = ALL[code - 1];
    return Math.max(1, near.left + near.above * width);
  }
}
