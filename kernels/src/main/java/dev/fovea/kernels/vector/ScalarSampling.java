package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.FLOAT;

import dev.fovea.kernels.Operation.DeformableAttention;
import dev.fovea.kernels.Operation.SamplingPoints;
import java.lang.foreign.MemorySegment;

/// [Sampling] in scalar loops, with the same bits.
final class ScalarSampling {
  private ScalarSampling() {}

  /// As [Sampling#points].
  static void points(SamplingPoints o, int from, int to, float[] s) {
    int n = Sampling.coordinates(o);
    for (int query = from; query < to; query++) {
      Sampling.references(o, query, s);
      for (int head = 0; head < o.heads(); head++) {
        long at = 4 * ((long) query * o.heads() + head) * n;
        MemorySegment.copy(o.offsets(), FLOAT, at, s, 2 * n, n);
        for (int i = 0; i < n; i++) s[2 * n + i] = Math.fma(s[2 * n + i], s[n + i], s[i]);
        MemorySegment.copy(s, 2 * n, o.out(), FLOAT, at, n);
      }
    }
  }

  /// As [Sampling#attention].
  ///
  /// @param s `2 · depth` floats
  static void attention(DeformableAttention o, int from, int to, MemorySegment terms, float[] s) {
    int depth = o.depth();
    long coefficients = Terms.coefficients(o);
    for (int query = from; query < to; query++)
      for (int head = 0; head < o.heads(); head++) {
        int count = Terms.list(o, query, head, terms);
        for (int d = 0; d < depth; d++) s[d] = 0;
        for (int i = 0; i < count; i++) {
          float coefficient = Simd.at(terms, coefficients + i);
          MemorySegment.copy(o.values(), FLOAT, Terms.offset(terms, i), s, depth, depth);
          for (int d = 0; d < depth; d++) s[d] = Math.fma(s[depth + d], coefficient, s[d]);
        }
        MemorySegment.copy(s, 0, o.out(), FLOAT, 4 * ((long) query * o.heads() + head) * depth, depth);
      }
  }
}
