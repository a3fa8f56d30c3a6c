package dev.fovea.engine.image.webp;

import java.util.Comparator;
import java.util.stream.IntStream;

/// The pixels near by that the shortest codes of distances stand for (RFC 9649, section 3.6.2.2).
///
/// The specification's table of them is sorted: by how far they are, by how many rows above, and then from left to right.
///
/// @param left how many columns to the left, -7 to 8
/// @param above how many rows above, 0 to 7
record Near(int left, int above) {
  private static final int LEFTMOST = 8, TOPMOST = 7;
  private static final Near[] ALL = IntStream.rangeClosed(0, TOPMOST).boxed()
      .flatMap(above -> IntStream.rangeClosed(above == 0 ? 1 : -TOPMOST, LEFTMOST).mapToObj(left -> new Near(left, above)))
      .sorted(Comparator.comparingInt(Near::squared).thenComparingInt(near -> -near.above).thenComparingInt(near -> -near.left))
      .toArray(Near[]::new);

  private int squared() {
    return left * left + above * above;
  }

  /// The distance that a code from 1 stands for, in pixels of rows of this width.
  static int distance(int code, int width) {
    if (code > ALL.length) return code - ALL.length;
    var near = ALL[code - 1];
    return Math.max(1, near.left + near.above * width);
  }
}
