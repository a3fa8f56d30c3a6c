package dev.fovea.kernels.vector;

import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Operation.DeformableAttention;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The sum of a query's head in [DeformableAttention] as a list of terms, `Σ coefficient · row`: at most four a point, one for each
/// cell around it that lies inside the map, and one more for a point that makes the sum NaN. Neither the loops over the terms nor
/// their tails know of maps and edges.
///
/// The list is in native memory: the byte offsets of all rows, then all coefficients.
final class Terms {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
  /// Terms of a point, and the most of them.
  private static final int CELLS = 4, MOST = CELLS + 1;

  private Terms() {}

  /// The largest number of terms.
  private static long most(DeformableAttention o) {
    return (long) MOST * o.levels().size() * o.pointsPerLevel();
  }

  /// Size of a list in floats.
  static long room(DeformableAttention o) {
    return 3 * most(o);
  }

  /// Where the coefficients begin, in floats.
  static long coefficients(DeformableAttention o) {
    return 2 * most(o);
  }

  /// The byte offset in the values at which the row of term `i` begins.
  static long offset(MemorySegment terms, int i) {
    return terms.get(LONG, 8L * i);
  }

  /// Writes the terms of a head of a query, counted over all items. Places are computed in double, so that wide maps lose nothing.
  ///
  /// @return their number
  static int list(DeformableAttention o, int query, int head, MemorySegment terms) {
    MemorySegment points = o.points(), weights = o.weights();
    Simd.expectPlain(points);
    Simd.expectPlain(weights);
    Simd.expectPlain(terms);
    int perLevel = o.pointsPerLevel(), levels = o.levels().size(), n = 0;
    long coefficients = coefficients(o), next = 4L * o.heads() * o.depth();
    long map = query / o.queries() * MapSize.cells(o.levels()) * next + 4L * head * o.depth();
    long sample = ((long) query * o.heads() + head) * levels * perLevel;
    for (int level = 0; level < levels; level++) {
      var size = o.levels().get(level);
      int width = size.width(), height = size.height();
      for (long end = sample + perLevel; sample < end; sample++) {
        double x = (double) Simd.at(points, 2 * sample) * width - 0.5, y = (double) Simd.at(points, 2 * sample + 1) * height - 0.5;
        double left = Math.floor(x), top = Math.floor(y);
        float weight = Simd.at(weights, sample), right = (float) (x - left), low = (float) (y - top);
        float upper = weight * (1 - low), lower = weight * low;
        if (left >= 0 && left < width - 1 && top >= 0 && top < height - 1) {                                 // inside
          long at = map + ((long) top * width + (long) left) * next, below = at + width * next, c = coefficients + n;
          terms.set(LONG, 8L * n, at);
          terms.set(LONG, 8L * n + 8, at + next);
          terms.set(LONG, 8L * n + 16, below);
          terms.set(LONG, 8L * n + 24, below + next);
          Simd.put(terms, c, upper * (1 - right));
          Simd.put(terms, c + 1, upper * right);
          Simd.put(terms, c + 2, lower * (1 - right));
          Simd.put(terms, c + 3, lower * right);
          n += CELLS;
        } else if (left >= -1 && left < width && top >= -1 && top < height) {                                // edge
          for (int cell = 0; cell < CELLS; cell++) {
            int dx = cell % 2, dy = cell / 2;
            long col = (long) left + dx, row = (long) top + dy;
            if (col < 0 || col >= width || row < 0 || row >= height) continue;
            terms.set(LONG, 8L * n, map + (row * width + col) * next);
            Simd.put(terms, coefficients + n++, (dy == 0 ? upper : lower) * (dx == 0 ? 1 - right : right));
          }
        }
        if (Double.isNaN(x) || Double.isNaN(y) || !Float.isFinite(weight)) {                                 // no number
          terms.set(LONG, 8L * n, map);
          Simd.put(terms, coefficients + n++, Float.NaN);
        }
      }
      map += size.cells() * next;
    }
    return n;
  }
}
