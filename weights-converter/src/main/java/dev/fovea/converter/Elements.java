package dev.fovea.converter;

import dev.fovea.engine.checkpoint.CheckpointWriter.Sink;
import dev.fovea.kernels.Weight;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/// Writes the elements of parameters in blocks, so that one of any size takes the same memory: `type` is how they are stored.
final class Elements {
  /// Elements that are in memory together.
  private static final int BLOCK = 1 << 16;
  private static final int F16_EXPONENT = 0x7c00, BF16_EXPONENT = 0x7f80;

  private final float[] rows = new float[BLOCK];
  private final float[] block = new float[BLOCK];
  private final ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * BLOCK).order(ByteOrder.LITTLE_ENDIAN);

  /// How many elements were NaN or infinite, and how many are now.
  record NonFinite(long before, long after) {
    static final NonFinite NONE = new NonFinite(0, 0);

    NonFinite plus(NonFinite other) {
      return new NonFinite(before + other.before, after + other.after);
    }
  }

  /// Writes all elements one after the other, as float32.
  NonFinite writeRows(List<Part> parts, Sink sink) throws IOException {
    var found = NonFinite.NONE;
    long size = parts.stream().mapToLong(Part::size).sum();
    for (long i = 0; i < size; i += BLOCK) {
      int n = (int) Math.min(BLOCK, size - i);
      read(parts, i, block, 0, n);
      found = found.plus(write(n, Weight.Type.F32, sink));
    }
    return found;
  }

  /// Writes the rows `[n, k]` of all parts in the blocked layout that kernels stream.
  NonFinite writePanels(List<Part> parts, int n, int k, Weight.Type type, Sink sink) throws IOException {
    var found = NonFinite.NONE;
    int columns = Math.min(k, BLOCK / Weight.PANEL);
    for (int panel = 0; panel < Weight.panels(n); panel++)
      for (int column = 0; column < k; column += columns) {
        int width = Math.min(columns, k - column);
        for (int r = 0; r < Weight.PANEL; r++) {
          int row = panel * Weight.PANEL + r;
          if (row < n) read(parts, (long) row * k + column, rows, r * width, width);
          else Arrays.fill(rows, r * width, (r + 1) * width, 0);
        }
        for (int c = 0, to = 0; c < width; c++)
          for (int r = 0; r < Weight.PANEL; r++) block[to++] = rows[r * width + c];
        found = found.plus(write(Weight.PANEL * width, type, sink));
      }
    return found;
  }

  /// Elements `i … i + n - 1` of all parts one behind the other.
  private static void read(List<Part> parts, long i, float[] out, int at, int n) {
    for (var part : parts) {
      int here = Math.clamp(part.size() - i, 0, n);
      if (here > 0) part.read(i, out, at, here);
      i = Math.max(0, i - part.size());
      at += here;
      n -= here;
    }
  }

  /// Writes the block's first `n` elements.
  private NonFinite write(int n, Weight.Type type, Sink sink) throws IOException {
    bytes.clear();
    switch (type) {
      case F32 -> bytes.asFloatBuffer().put(block, 0, n);
      case F16 -> { for (int i = 0; i < n; i++) bytes.putShort(2 * i, Float.floatToFloat16(block[i])); }
      case BF16 -> { for (int i = 0; i < n; i++) bytes.putShort(2 * i, toBFloat16(block[i])); }
    }
    sink.write(bytes.limit(n * type.bytes()));
    long before = 0;
    for (int i = 0; i < n; i++) if (!Float.isFinite(block[i])) before++;
    return new NonFinite(before, switch (type) {
      case F32 -> before;
      case F16 -> narrowNonFinite(n, F16_EXPONENT);
      case BF16 -> narrowNonFinite(n, BF16_EXPONENT);
    });
  }

  /// @param exponent the bits that are all set in what is no finite number
  private long narrowNonFinite(int n, int exponent) {
    long count = 0;
    for (int i = 0; i < n; i++) if ((bytes.getShort(2 * i) & exponent) == exponent) count++;
    return count;
  }

  /// Rounds to the nearest, ties to even; NaN stays NaN.
  static short toBFloat16(float value) {
    int bits = Float.floatToIntBits(value);
    return (short) (Float.isNaN(value) ? bits >>> 16 : bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }
}
