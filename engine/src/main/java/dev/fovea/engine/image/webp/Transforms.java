package dev.fovea.engine.image.webp;

/// The inverse transforms of 4x4 blocks of coefficients, `[4][4]` in rows (RFC 6386, sections 14.3 and 14.4).
///
/// Coefficients of an encoder fit into 16 bits after each pass; others wrap around as in libwebp on processors with SSE2.
final class Transforms {
  /// `√2 cos(π/8) - 1` in 16-bit fixed point.
  private static final int COSINE = 20091;
  /// `√2 sin(π/8)` in 16-bit fixed point.
  private static final int SINE = 35468;

  private final int[] pass = new int[16];

  private static int cosine(int x) {
    return x + (x * COSINE >> 16);
  }

  private static int sine(int x) {
    return x * SINE >> 16;
  }

  /// Adds the block of coefficients at `from` to the pixels at `at`.
  void add(short[] coefficients, int from, byte[] pixels, int at, int stride) {
    for (int x = 0; x < 4; x++) { // columns
      int c0 = coefficients[from + x], c1 = coefficients[from + 4 + x];
      int c2 = coefficients[from + 8 + x], c3 = coefficients[from + 12 + x];
      int even = c0 + c2, odd = c0 - c2, outer = cosine(c1) + sine(c3), inner = sine(c1) - cosine(c3);
      pass[x] = (short) (even + outer);
      pass[4 + x] = (short) (odd + inner);
      pass[8 + x] = (short) (odd - inner);
      pass[12 + x] = (short) (even - outer);
    }
    for (int y = 0; y < 4; y++) { // rows
      int c0 = pass[4 * y] + 4, c1 = pass[4 * y + 1], c2 = pass[4 * y + 2], c3 = pass[4 * y + 3];
      int even = c0 + c2, odd = c0 - c2, outer = cosine(c1) + sine(c3), inner = sine(c1) - cosine(c3);
      int to = at + y * stride;
      add(pixels, to, (short) (even + outer) >> 3);
      add(pixels, to + 1, (short) (odd + inner) >> 3);
      add(pixels, to + 2, (short) (odd - inner) >> 3);
      add(pixels, to + 3, (short) (even - outer) >> 3);
    }
  }

  /// Adds a block whose only coefficients are the DC and the first one of each direction.
  static void addFirstThree(short[] coefficients, int from, byte[] pixels, int at, int stride) {
    int dc = coefficients[from] + 4, across = coefficients[from + 1], down = coefficients[from + 4];
    addRow(dc + cosine(down), across, pixels, at, stride, 0);
    addRow(dc + sine(down), across, pixels, at, stride, 1);
    addRow(dc - sine(down), across, pixels, at, stride, 2);
    addRow(dc - cosine(down), across, pixels, at, stride, 3);
  }

  private static void addRow(int mean, int across, byte[] pixels, int at, int stride, int y) {
    int to = at + y * stride, outer = cosine(across), inner = sine(across);
    add(pixels, to, mean + outer >> 3);
    add(pixels, to + 1, mean + inner >> 3);
    add(pixels, to + 2, mean - inner >> 3);
    add(pixels, to + 3, mean - outer >> 3);
  }

  /// Adds a block with only a DC coefficient.
  static void addDc(int dc, byte[] pixels, int at, int stride) {
    int difference = dc + 4 >> 3;
    for (int y = 0; y < 4; y++) for (int x = 0; x < 4; x++) add(pixels, at + y * stride + x, difference);
  }

  private static void add(byte[] pixels, int at, int difference) {
    pixels[at] = (byte) Plane.clip((pixels[at] & 0xff) + difference);
  }

  /// Inverts the Walsh–Hadamard transform of the DC coefficients of 16 blocks, and stores each at the start of its block.
  void dcs(short[] transformed, short[] coefficients) {
    for (int x = 0; x < 4; x++) { // columns
      int outer = transformed[x] + transformed[12 + x], inner = transformed[4 + x] + transformed[8 + x];
      int outerDifference = transformed[x] - transformed[12 + x], innerDifference = transformed[4 + x] - transformed[8 + x];
      pass[x] = outer + inner;
      pass[4 + x] = outerDifference + innerDifference;
      pass[8 + x] = outer - inner;
      pass[12 + x] = outerDifference - innerDifference;
    }
    for (int y = 0; y < 4; y++) { // rows
      int outer = pass[4 * y] + pass[4 * y + 3] + 3, inner = pass[4 * y + 1] + pass[4 * y + 2];
      int outerDifference = pass[4 * y] - pass[4 * y + 3] + 3, innerDifference = pass[4 * y + 1] - pass[4 * y + 2];
      int to = 4 * 16 * y;
      coefficients[to] = (short) (outer + inner >> 3);
      coefficients[to + 16] = (short) (outerDifference + innerDifference >> 3);
      coefficients[to + 32] = (short) (outer - inner >> 3);
      coefficients[to + 48] = (short) (outerDifference - innerDifference >> 3);
    }
  }
}
