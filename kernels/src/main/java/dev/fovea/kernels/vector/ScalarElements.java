package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.FLOAT;

import dev.fovea.kernels.Activation;
import java.lang.foreign.MemorySegment;

/// [Elements] in scalar loops; `s` has [Elements#ROOM] floats, if it is not documented otherwise.
final class ScalarElements {
  private static final int BLOCK = Elements.ROOM / 2;

  private ScalarElements() {}

  /// `out[i] = activation(x[i])` for `i` in `[from, to)`.
  static void activate(Activation activation, MemorySegment x, MemorySegment out, long from, long to, float[] s) {
    for (long i = from; i < to; i += BLOCK) {
      int n = read(x, i, to, s, 0);
      if (activation != Activation.NONE) ScalarMath.activate(activation, s, -0f, n);
      MemorySegment.copy(s, 0, out, FLOAT, i * 4, n);
    }
  }

  /// `out[i] = a[i] + b[bFrom + i - from]`.
  static void add(MemorySegment a, MemorySegment b, long bFrom, MemorySegment out, long from, long to, float[] s) {
    for (long i = from; i < to; i += BLOCK) {
      int n = read(a, i, to, s, 0);
      read(b, bFrom + i - from, bFrom + to - from, s, BLOCK);
      for (int j = 0; j < n; j++) s[j] += s[BLOCK + j];
      MemorySegment.copy(s, 0, out, FLOAT, i * 4, n);
    }
  }

  /// `out[i] = a[i] · b[bFrom + i - from]`.
  static void multiply(MemorySegment a, MemorySegment b, long bFrom, MemorySegment out, long from, long to, float[] s) {
    for (long i = from; i < to; i += BLOCK) {
      int n = read(a, i, to, s, 0);
      read(b, bFrom + i - from, bFrom + to - from, s, BLOCK);
      for (int j = 0; j < n; j++) s[j] *= s[BLOCK + j];
      MemorySegment.copy(s, 0, out, FLOAT, i * 4, n);
    }
  }

  /// `out[i] = x[i] · factor`.
  static void scale(MemorySegment x, float factor, MemorySegment out, long from, long to, float[] s) {
    for (long i = from; i < to; i += BLOCK) {
      int n = read(x, i, to, s, 0);
      for (int j = 0; j < n; j++) s[j] *= factor;
      MemorySegment.copy(s, 0, out, FLOAT, i * 4, n);
    }
  }

  /// As [Elements#rotate].
  ///
  /// @param s `6 · half` floats
  static void rotate(MemorySegment x, long from, MemorySegment table, long at, MemorySegment out, long to, int half, float[] s) {
    MemorySegment.copy(x, FLOAT, from * 4, s, 0, 2 * half);
    MemorySegment.copy(table, FLOAT, at * 4, s, 2 * half, 2 * half);
    int cos = 2 * half, sin = 3 * half, turned = 4 * half;
    for (int i = 0; i < half; i++) s[turned + i] = Math.fma(s[i], s[cos + i], -(s[half + i] * s[sin + i]));
    for (int i = 0; i < half; i++) s[turned + half + i] = Math.fma(s[half + i], s[cos + i], s[i] * s[sin + i]);
    MemorySegment.copy(s, turned, out, FLOAT, to * 4, 2 * half);
  }

  /// Copies the block from `i` on, at most up to `to`.
  ///
  /// @return its length
  private static int read(MemorySegment x, long i, long to, float[] s, int at) {
    int n = (int) Math.min(BLOCK, to - i);
    MemorySegment.copy(x, FLOAT, i * 4, s, at, n);
    return n;
  }
}
