package dev.fovea.kernels.tornado;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Rows that move, are looked up, found, sorted and turned, as formulas; see [Formulas].
final class FormulasRows {
  private static final float TWO_PI = 6.2831855f;
  /// `1 / 2π`.
  private static final double TURNS_PER_RADIAN = 0.15915494309189535;
  /// The largest number that a buffer may give as a position.
  private static final int MAX_INDEX = 1 << 24;

  private FormulasRows() {}

  /// `to = from`. Strides are in the order outer, inner, row, column.
  ///
  /// `p`: 0 `outer · inner · rows · cols` · 1 from · 2 to · 3 inner · 4 rows · 5 cols · 6 to 9 strides of from · 10 to 13 of to
  static void copy(FloatArray from, FloatArray to, IntArray p) {
    int count = p.get(0), inner = p.get(3), rows = p.get(4), cols = p.get(5);
    for (@Parallel int i = 0; i < count; i++) {
      int col = i % cols, row = i / cols % rows, matrix = i / cols / rows;
      int outer = matrix / inner, head = matrix % inner;
      float value = from.get(p.get(1) + outer * p.get(6) + head * p.get(7) + row * p.get(8) + col * p.get(9));
      to.set(p.get(2) + outer * p.get(10) + head * p.get(11) + row * p.get(12) + col * p.get(13), value);
    }
  }

  /// Row `r` of `from` becomes row `length + r` of `to`, unless that is beyond the capacity. The length is read at each run.
  ///
  /// `p`: 0 `outer · inner · rows · cols` · 1 from · 2 length · 3 to · 4 inner · 5 rows · 6 cols · 7 capacity ·
  /// 8 to 11 strides of from · 12 to 15 of to
  static void append(FloatArray from, FloatArray length, FloatArray to, IntArray p) {
    int count = p.get(0), inner = p.get(4), rows = p.get(5), cols = p.get(6), capacity = p.get(7);
    for (@Parallel int i = 0; i < count; i++) {
      int col = i % cols, row = i / cols % rows, matrix = i / cols / rows;
      int outer = matrix / inner, head = matrix % inner;
      int target = whole(length.get(p.get(2)), capacity) + row;
      if (target < capacity) {
        float value = from.get(p.get(1) + outer * p.get(8) + head * p.get(9) + row * p.get(10) + col * p.get(11));
        to.set(p.get(3) + outer * p.get(12) + head * p.get(13) + target * p.get(14) + col * p.get(15), value);
      }
    }
  }

  /// A whole number stored as a float, at most `most`; NaN and negative numbers count as 0: a device's `max` ignores NaN, and
  /// Java's conversion makes it 0.
  static int whole(float number, int most) {
    return (int) TornadoMath.min(TornadoMath.max(number, 0f), (float) most);
  }

  /// `out[i] = table[indices[i]]`, or NaN if the table has no such row. `nan` `[1]` is NaN, which TornadoVM cannot write down.
  ///
  /// `p`: 0 `count · K` · 1 table · 2 indices · 3 out · 4 N · 5 K
  static void gather(FloatArray table, FloatArray indices, FloatArray nan, FloatArray out, IntArray p) {
    int count = p.get(0), n = p.get(4), k = p.get(5);
    for (@Parallel int i = 0; i < count; i++) {
      int row = row(indices.get(p.get(2) + i / k), n);
      float value = nan.get(0);
      if (row >= 0) value = table.get(p.get(1) + row * k + i % k);
      out.set(p.get(3) + i, value);
    }
  }

  /// The same with a table of 8 bits: `bytes` `[N, K32]` and `scales` `[N, K32 / 32]`, where `K32` is `K` rounded up to 32.
  ///
  /// `p`: as for [#gather]
  static void gatherQ8(ByteArray bytes, FloatArray scales, FloatArray indices, FloatArray nan, FloatArray out, IntArray p) {
    int count = p.get(0), n = p.get(4), k = p.get(5), blocks = (k + 31) / 32;
    for (@Parallel int i = 0; i < count; i++) {
      int row = row(indices.get(p.get(2) + i / k), n), col = i % k;
      float value = nan.get(0);
      if (row >= 0) value = bytes.get(row * blocks * 32 + col) * scales.get(row * blocks + col / 32);
      out.set(p.get(3) + i, value);
    }
  }

  /// The row for an index, or -1 if it is not a whole number in `[0, n)`.
  private static int row(float index, int n) {
    int row = -1;
    if (index > -1 && index < n) row = (int) index;
    if (row != index) row = -1;
    return row;
  }

  /// `out[r] = r · cols + c` for the first column `c` of row `r` that equals `value`, or NaN, which `nan` `[1]` holds.
  ///
  /// `p`: 0 rows · 1 x · 2 out · 3 cols
  static void find(FloatArray x, FloatArray nan, FloatArray out, IntArray p, float value) {
    int count = p.get(0), cols = p.get(3);
    for (@Parallel int row = 0; row < count; row++) {
      int found = cols;
      for (int col = cols - 1; col >= 0; col--) if (x.get(p.get(1) + row * cols + col) == value) found = col;
      float index = nan.get(0);
      if (found < cols) index = row * cols + found;
      out.set(p.get(2) + row, index);
    }
  }

  /// The largest number of each row, ignoring NaN, or `-∞` for a row of NaN only; then 1 for such a row and 0 for others.
  ///
  /// `p`: 0 rows · 1 x · 2 out, `[2, rows]` · 3 cols
  static void largest(FloatArray x, FloatArray out, IntArray p) {
    int count = p.get(0), cols = p.get(3);
    for (@Parallel int row = 0; row < count; row++) {
      float largest = Float.NEGATIVE_INFINITY, none = 1;
      for (int col = 0; col < cols; col++) {
        float value = x.get(p.get(1) + row * cols + col);
        if (value > largest) largest = value;
        if (value > 0 || value < 1) none = 0;
      }
      out.set(p.get(2) + row, largest);
      out.set(p.get(2) + count + row, none);
    }
  }

  /// `out[b, n]` is the number of the row of item `b` whose largest element is the `n`-th greatest: each row counts those
  /// before it.
  ///
  /// `p`: 0 `batch · rows` · 1 largest, `[2, batch · rows]` as from [#largest] · 2 out · 3 rows · 4 count
  static void topRows(FloatArray largest, FloatArray out, IntArray p) {
    int count = p.get(0), rows = p.get(3), places = p.get(4);
    for (@Parallel int row = 0; row < count; row++) {
      int first = row / rows * rows, rank = 0;
      float value = largest.get(p.get(1) + row), none = largest.get(p.get(1) + count + row);
      for (int other = first; other < first + rows; other++) {
        float otherValue = largest.get(p.get(1) + other), otherNone = largest.get(p.get(1) + count + other);
        if (otherNone < none) rank++;
        if (otherNone == none && otherValue > value) rank++;
        if (otherNone == none && otherValue == value && other < row) rank++;
      }
      if (rank < places) out.set(p.get(2) + row / rows * places + rank, row);
    }
  }

  /// `out[p, f] = sin a` and `out[p, frequencies + f] = cos a` with `a = 2π Σ_d (scale · x[p, d] + offset) · basis[d, f]`. The
  /// angle is summed in double, in turns, of which only the fraction matters.
  ///
  /// `p`: 0 `points · frequencies` · 1 x · 2 basis · 3 out · 4 dims · 5 frequencies
  static void fourier(FloatArray x, FloatArray basis, FloatArray out, IntArray p, double scale, double offset) {
    int count = p.get(0), dims = p.get(4), frequencies = p.get(5);
    for (@Parallel int i = 0; i < count; i++) {
      int point = i / frequencies, f = i % frequencies;
      double turns = 0;
      for (int d = 0; d < dims; d++)
        turns += (scale * x.get(p.get(1) + point * dims + d) + offset) * basis.get(p.get(2) + d * frequencies + f);
      float angle = angle(turns);
      int to = p.get(3) + point * 2 * frequencies + f;
      out.set(to, TornadoMath.sin(angle));
      out.set(to + frequencies, TornadoMath.cos(angle));
    }
  }

  /// The angle from -π to π that equals a number of turns.
  private static float angle(double turns) {
    return (float) (turns - TornadoMath.floor(turns + 0.5)) * TWO_PI;
  }

  /// `out[r, f] = cos a` and `out[r, count + f] = sin a` with `a = (start + r) · frequencies[f]`, rounded to float32. The start is
  /// read at each run.
  ///
  /// `p`: 0 `rows · count` · 1 frequencies · 2 start · 3 out · 4 count
  static void rotaryTable(FloatArray frequencies, FloatArray start, FloatArray out, IntArray p) {
    int count = p.get(0), perRow = p.get(4);
    for (@Parallel int i = 0; i < count; i++) {
      int row = i / perRow, f = i % perRow;
      float position = whole(start.get(p.get(2)), MAX_INDEX) + row;
      float exact = position * frequencies.get(p.get(1) + f);
      float angle = angle(exact * TURNS_PER_RADIAN);
      int to = p.get(3) + row * 2 * perRow + f;
      out.set(to, TornadoMath.cos(angle));
      out.set(to + perRow, TornadoMath.sin(angle));
    }
  }

  /// `out[r, i] = x[r, i] · cos - x[r, i + D / 2] · sin` and `out[r, i + D / 2] = x[r, i + D / 2] · cos + x[r, i] · sin`. Strides
  /// are in the order outer, inner, row; columns are adjacent.
  ///
  /// `p`: 0 `outer · inner · rows · D / 2` · 1 x · 2 table · 3 out · 4 inner · 5 rows · 6 `D / 2` · 7 to 9 strides of x ·
  /// 10 to 12 of out
  static void rotary(FloatArray x, FloatArray table, FloatArray out, IntArray p) {
    int count = p.get(0), inner = p.get(4), rows = p.get(5), half = p.get(6);
    for (@Parallel int i = 0; i < count; i++) {
      int col = i % half, row = i / half % rows, matrix = i / half / rows;
      int outer = matrix / inner, head = matrix % inner;
      int from = p.get(1) + outer * p.get(7) + head * p.get(8) + row * p.get(9) + col;
      int to = p.get(3) + outer * p.get(10) + head * p.get(11) + row * p.get(12) + col;
      float a = x.get(from), b = x.get(from + half);
      float cos = table.get(p.get(2) + row * 2 * half + col), sin = table.get(p.get(2) + row * 2 * half + half + col);
      out.set(to, a * cos - b * sin);
      out.set(to + half, b * cos + a * sin);
    }
  }
}
