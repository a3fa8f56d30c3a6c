package dev.fovea.engine.image.webp;

/// Smooths the edges of macroblocks and of their 4x4 blocks where pixels differ little (RFC 6386, section 15).
///
/// An edge starts at pixel `q0`; `p0` is the pixel on its other side, one `step` back, and `next` leads to the next pixel along it.
final class LoopFilter {
  private static final int INNER = 64;

  private final FilterHeader header;
  private final int columns;
  /// The level of each macroblock, plus [#INNER] if the edges of its blocks are smoothed, too.
  private final byte[] levels;

  LoopFilter(FilterHeader header, int columns, int rows) {
    this.header = header;
    this.columns = columns;
    levels = new byte[columns * rows];
  }

  /// Sets the level of a macroblock, 0 to 63, and whether the edges inside it are smoothed.
  void set(int column, int row, int level, boolean inner) {
    levels[row * columns + column] = (byte) (inner ? level | INNER : level);
  }

  /// Smooths the whole picture, each macroblock after those above and to the left.
  void apply(Plane y, Plane u, Plane v) {
    for (int i = 0; i < levels.length; i++) {
      int level = levels[i] & INNER - 1, column = i % columns, row = i / columns;
      if (level == 0) continue;
      boolean inner = (levels[i] & INNER) != 0;
      if (header.simple()) {
        simple(y, column, row, level, inner);
      } else {
        normal(y, 16, column, row, level, inner);
        normal(u, 8, column, row, level, inner);
        normal(v, 8, column, row, level, inner);
      }
    }
  }

  private void simple(Plane plane, int column, int row, int level, boolean inner) {
    int at = plane.at(16 * column, 16 * row), stride = plane.stride;
    int limit = 2 * level + header.interiorLimit(level), outerLimit = limit + 4;
    if (column > 0) simpleEdge(plane.samples, at, 1, stride, outerLimit);
    if (inner) for (int x = 4; x < 16; x += 4) simpleEdge(plane.samples, at + x, 1, stride, limit);
    if (row > 0) simpleEdge(plane.samples, at, stride, 1, outerLimit);
    if (inner) for (int y = 4; y < 16; y += 4) simpleEdge(plane.samples, at + y * stride, stride, 1, limit);
  }

  private void normal(Plane plane, int size, int column, int row, int level, boolean inner) {
    byte[] s = plane.samples;
    int at = plane.at(size * column, size * row), stride = plane.stride;
    int interior = header.interiorLimit(level), limit = 2 * level + interior, outerLimit = limit + 4;
    int variance = FilterHeader.highVariance(level);
    if (column > 0) outerEdge(s, at, 1, stride, size, outerLimit, interior, variance);
    if (inner) for (int x = 4; x < size; x += 4) innerEdge(s, at + x, 1, stride, size, limit, interior, variance);
    if (row > 0) outerEdge(s, at, stride, 1, size, outerLimit, interior, variance);
    if (inner) for (int y = 4; y < size; y += 4) innerEdge(s, at + y * stride, stride, 1, size, limit, interior, variance);
  }

  private static void simpleEdge(byte[] s, int at, int step, int next, int limit) {
    for (int i = 0; i < 16; i++, at += next) if (isLow(s, at, step, limit)) filterTwo(s, at, step);
  }

  private static void outerEdge(byte[] s, int at, int step, int next, int size, int limit, int interior, int variance) {
    for (int i = 0; i < size; i++, at += next)
      if (isLow(s, at, step, limit) && isSmooth(s, at, step, interior)) {
        if (varies(s, at, step, variance)) filterTwo(s, at, step);
        else filterSix(s, at, step);
      }
  }

  private static void innerEdge(byte[] s, int at, int step, int next, int size, int limit, int interior, int variance) {
    for (int i = 0; i < size; i++, at += next)
      if (isLow(s, at, step, limit) && isSmooth(s, at, step, interior)) {
        if (varies(s, at, step, variance)) filterTwo(s, at, step);
        else filterFour(s, at, step);
      }
  }

  private static int difference(byte[] s, int a, int b) {
    return Math.abs((s[a] & 0xff) - (s[b] & 0xff));
  }

  /// Whether the step at the edge is too small to be a feature of the picture.
  private static boolean isLow(byte[] s, int q0, int step, int limit) {
    return 2 * difference(s, q0 - step, q0) + (difference(s, q0 - 2 * step, q0 + step) >> 1) <= limit;
  }

  /// Whether the four pixels on either side differ little from their neighbours.
  private static boolean isSmooth(byte[] s, int q0, int step, int interior) {
    return difference(s, q0 - 4 * step, q0 - 3 * step) <= interior && difference(s, q0 - 3 * step, q0 - 2 * step) <= interior
        && difference(s, q0 - 2 * step, q0 - step) <= interior && difference(s, q0 + 3 * step, q0 + 2 * step) <= interior
        && difference(s, q0 + 2 * step, q0 + step) <= interior && difference(s, q0 + step, q0) <= interior;
  }

  private static boolean varies(byte[] s, int q0, int step, int variance) {
    return difference(s, q0 - 2 * step, q0 - step) > variance || difference(s, q0 + step, q0) > variance;
  }

  private static int signed(int value) {
    return Math.max(-128, Math.min(127, value));
  }

  /// Changes one pixel on either side.
  private static void filterTwo(byte[] s, int q0, int step) {
    int outer = signed((s[q0 - 2 * step] & 0xff) - (s[q0 + step] & 0xff));
    int a = 3 * ((s[q0] & 0xff) - (s[q0 - step] & 0xff)) + outer;
    move(s, q0, q0 - step, signed(a + 4) >> 3, signed(a + 3) >> 3);
  }

  /// Changes two pixels on either side.
  private static void filterFour(byte[] s, int q0, int step) {
    int a = 3 * ((s[q0] & 0xff) - (s[q0 - step] & 0xff)), back = signed(a + 4) >> 3, half = back + 1 >> 1;
    move(s, q0, q0 - step, back, signed(a + 3) >> 3);
    move(s, q0 + step, q0 - 2 * step, half, half);
  }

  /// Changes three pixels on either side.
  private static void filterSix(byte[] s, int q0, int step) {
    int outer = signed((s[q0 - 2 * step] & 0xff) - (s[q0 + step] & 0xff));
    int a = signed(3 * ((s[q0] & 0xff) - (s[q0 - step] & 0xff)) + outer);
    for (int i = 0, weight = 27; i < 3; i++, weight -= 9) {
      int change = weight * a + 63 >> 7;
      move(s, q0 + i * step, q0 - (i + 1) * step, change, change);
    }
  }

  /// Subtracts `back` from pixel `q` and adds `forth` to pixel `p`.
  private static void move(byte[] s, int q, int p, int back, int forth) {
    s[q] = (byte) Plane.clip((s[q] & 0xff) - back);
    s[p] = (byte) Plane.clip((s[p] & 0xff) + forth);
  }
}
