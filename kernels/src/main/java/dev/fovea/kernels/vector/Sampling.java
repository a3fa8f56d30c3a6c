package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.F;
import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.ORDER;
import static dev.fovea.kernels.vector.Simd.first;

import dev.fovea.kernels.Operation.DeformableAttention;
import dev.fovea.kernels.Operation.SamplingPoints;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Deformable attention and the points that it looks at.
final class Sampling {
  private Sampling() {}

  /// Coordinates of the points of a head.
  static int coordinates(SamplingPoints o) {
    return 2 * o.levels().size() * o.points();
  }

  /// Floats of the scratch array of [#points] and [ScalarSampling#points].
  static int room(SamplingPoints o) {
    return 3 * coordinates(o);
  }

  /// The points of the queries `[from, to)`, counted over all items. All heads of a query have the same references and steps.
  static void points(SamplingPoints o, int from, int to, float[] s) {
    MemorySegment offsets = o.offsets(), out = o.out();
    Simd.expectPlain(offsets);
    Simd.expectPlain(out);
    int n = coordinates(o);
    for (int query = from; query < to; query++) {
      references(o, query, s);
      for (int head = 0; head < o.heads(); head++) {
        long at = ((long) query * o.heads() + head) * n;
        int i = 0;
        for (; i + LANES <= n; i += LANES)                                                                   // body
          FloatVector.fromMemorySegment(F, offsets, 4 * (at + i), ORDER)
              .fma(FloatVector.fromArray(F, s, n + i), FloatVector.fromArray(F, s, i)).intoMemorySegment(out, 4 * (at + i), ORDER);
        for (; i < n; i++) Simd.put(out, at + i, Math.fma(Simd.at(offsets, at + i), s[n + i], s[i]));        // tail
      }
    }
  }

  /// Where each coordinate of a query's points starts, in the first part of the array, and the factor of its offset, in the second.
  static void references(SamplingPoints o, int query, float[] s) {
    int levels = o.levels().size(), n = coordinates(o), i = 0;
    for (int level = 0; level < levels; level++) {
      var map = o.levels().get(level);
      long reference = ((long) query * levels + level) * o.coordinates();
      float x = Simd.at(o.reference(), reference), y = Simd.at(o.reference(), reference + 1), stepX, stepY;
      if (o.coordinates() == 2) {
        stepX = 1f / map.width();
        stepY = 1f / map.height();
      } else {
        stepX = 0.5f * Simd.at(o.reference(), reference + 2) / o.points();
        stepY = 0.5f * Simd.at(o.reference(), reference + 3) / o.points();
      }
      for (int point = 0; point < o.points(); point++, i += 2) {
        s[i] = x;
        s[i + 1] = y;
        s[n + i] = stepX;
        s[n + i + 1] = stepY;
      }
    }
  }

  /// The queries `[from, to)`, counted over all items. All heads of a query come together: the rows of one head are so far apart
  /// that they share few sets of the caches, and head by head this was a fifth slower. Places computed in
  /// float vectors made the list eight times as fast, and the whole no faster.
  ///
  /// @param terms [Terms#room] floats
  static void attention(DeformableAttention o, int from, int to, MemorySegment terms) {
    int depth = o.depth();
    long coefficients = Terms.coefficients(o);
    for (int query = from; query < to; query++)
      for (int head = 0; head < o.heads(); head++)
        sum(o.values(), terms, Terms.list(o, query, head, terms), coefficients, o.out(), ((long) query * o.heads() + head) * depth,
            depth);
  }

  /// `out[to + d] = Σ coefficient · values[row + d]`, each sum in the order of the terms.
  private static void sum(MemorySegment values, MemorySegment terms, int count, long coefficients, MemorySegment out, long to,
      int depth) {
    Simd.expectPlain(values);
    Simd.expectPlain(terms);
    Simd.expectPlain(out);
    int d = 0;
    for (; d + 2 * LANES <= depth; d += 2 * LANES) {                                                         // two vectors
      FloatVector a = FloatVector.zero(F), b = FloatVector.zero(F);
      for (int i = 0; i < count; i++) {
        long row = Terms.offset(terms, i) + 4L * d;
        var coefficient = FloatVector.broadcast(F, Simd.at(terms, coefficients + i));
        a = FloatVector.fromMemorySegment(F, values, row, ORDER).fma(coefficient, a);
        b = FloatVector.fromMemorySegment(F, values, row + 4 * LANES, ORDER).fma(coefficient, b);
      }
      a.intoMemorySegment(out, 4 * (to + d), ORDER);
      b.intoMemorySegment(out, 4 * (to + d + LANES), ORDER);
    }
    for (; d + LANES <= depth; d += LANES) {                                                                 // one vector
      FloatVector a = FloatVector.zero(F);
      for (int i = 0; i < count; i++)
        a = FloatVector.fromMemorySegment(F, values, Terms.offset(terms, i) + 4L * d, ORDER)
            .fma(FloatVector.broadcast(F, Simd.at(terms, coefficients + i)), a);
      a.intoMemorySegment(out, 4 * (to + d), ORDER);
    }
    if (d < depth) {                                                                                         // tail
      var tail = first(depth - d);
      FloatVector a = FloatVector.zero(F);
      for (int i = 0; i < count; i++)
        a = FloatVector.fromMemorySegment(F, values, Terms.offset(terms, i) + 4L * d, ORDER, tail)
            .fma(FloatVector.broadcast(F, Simd.at(terms, coefficients + i)), a);
      a.intoMemorySegment(out, 4 * (to + d), ORDER, tail);
    }
  }
}
