package dev.fovea.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The storage format of a [Weight]. Products always compute in float32.
///
/// | format | block | bytes of a block |
/// |---|---|---|
/// | [#F32] | 1 number | 4 |
/// | [#F16] | 1 number | 2 |
/// | [#BF16] | 1 number | 2 |
/// | [#Q8] | 32 numbers | 34: a float16 scale and 32 integers of 8 bits |
///
/// A block is [#blockLength()] consecutive numbers of a row, along K, with common data for decoding, such as a scale. Blocks start
/// at column 0; the last one of a row is padded. A layout groups the same block of `across` rows: 16 in panels, one in rows. A
/// group takes `across · blockBytes()` bytes, in an order defined by the format.
///
/// The methods of the constants define the format in plain loops. All code that depends on a format is here, or in an exhaustive
/// switch without `default`, so that a new format does not compile until all such code handles it.
public enum WeightFormat {
  /// IEEE 754 binary32.
  F32(1, 4) {
    @Override
    float get(MemorySegment from, long group, int across, int step, int lane) {
      return from.get(FLOAT, group + 4L * lane);
    }

    @Override
    public void decode(MemorySegment from, long group, int across, int steps, float[] to, int at) {
      MemorySegment.copy(from, FLOAT, group, to, at, across * steps);
    }

    @Override
    public void encode(float[] from, int at, int across, int steps, MemorySegment to, long group) {
      MemorySegment.copy(from, at, to, FLOAT, group, across * steps);
    }
  },

  /// IEEE 754 binary16: 10 bits of mantissa, largest number 65504.
  F16(1, 2) {
    @Override
    float get(MemorySegment from, long group, int across, int step, int lane) {
      return Float.float16ToFloat(from.get(SHORT, group + 2L * lane));
    }

    @Override
    public void decode(MemorySegment from, long group, int across, int steps, float[] to, int at) {
      short[] narrow = shorts(from, group, across * steps);
      for (int i = 0; i < narrow.length; i++) to[at + i] = Float.float16ToFloat(narrow[i]);
    }

    @Override
    public void encode(float[] from, int at, int across, int steps, MemorySegment to, long group) {
      for (int i = 0; i < across * steps; i++) to.set(SHORT, group + 2L * i, Float.floatToFloat16(from[at + i]));
    }
  },

  /// The upper half of a binary32: 7 bits of mantissa, the range of binary32.
  BF16(1, 2) {
    @Override
    float get(MemorySegment from, long group, int across, int step, int lane) {
      return widen(from.get(SHORT, group + 2L * lane));
    }

    @Override
    public void decode(MemorySegment from, long group, int across, int steps, float[] to, int at) {
      short[] narrow = shorts(from, group, across * steps);
      for (int i = 0; i < narrow.length; i++) to[at + i] = widen(narrow[i]);
    }

    @Override
    public void encode(float[] from, int at, int across, int steps, MemorySegment to, long group) {
      for (int i = 0; i < across * steps; i++) to.set(SHORT, group + 2L * i, narrow(from[at + i]));
    }

    private static float widen(short bits) {
      return Float.intBitsToFloat(bits << 16);
    }

    /// Rounds to the nearest, ties to even; NaN stays NaN.
    private static short narrow(float value) {
      int bits = Float.floatToIntBits(value);
      return (short) (Float.isNaN(value) ? bits >>> 16 : bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }
  },

  /// Whole numbers of steps from -127 to 127; 32 numbers of a row share their step, the scale. Decoded, a number is the product of
  /// both, which float32 represents exactly. A group has the scales of its rows first, as float16, then the integers of all rows
  /// for each step.
  ///
  /// | a block's largest magnitude | its scale | its numbers |
  /// |---|---|---|
  /// | 0 | 0 | 0 |
  /// | up to 127 · 65504 = 8,319,008 | the smallest float16 of at least a 127th | the nearest multiples of it, ties to even |
  /// | beyond, infinite, or a NaN | NaN | all NaN, so that the loss is seen |
  ///
  /// A number is at most half a step off, and the sign of a zero is lost. Because the scale is rounded up, it never becomes zero,
  /// and no number needs more than 127 steps. It is at most a 1024th larger than the exact one, or 2⁻²⁴ if that is more. ref:
  /// llama.cpp, `ggml/src/ggml-quants.c`, `quantize_row_q8_0_ref`, which rounds the scale to the nearest.
  Q8(32, 34) {
    @Override
    float get(MemorySegment from, long group, int across, int step, int lane) {
      return from.get(JAVA_BYTE, group + (long) across * (Short.BYTES + step) + lane)
          * Float.float16ToFloat(from.get(SHORT, group + 2L * lane));
    }

    @Override
    public void decode(MemorySegment from, long group, int across, int steps, float[] to, int at) {
      var scales = new float[across];
      var whole = new byte[across * blockLength()];
      for (int step = 0; step < steps; step += blockLength(), group += (long) across * blockBytes()) {
        int n = across * Math.min(blockLength(), steps - step);
        short[] narrow = shorts(from, group, across);
        for (int lane = 0; lane < across; lane++) scales[lane] = Float.float16ToFloat(narrow[lane]);
        MemorySegment.copy(from, JAVA_BYTE, group + 2L * across, whole, 0, n);
        for (int i = 0; i < n; i += across)
          for (int lane = 0; lane < across; lane++) to[at++] = whole[i + lane] * scales[lane];
      }
    }

    @Override
    public void encode(float[] from, int at, int across, int steps, MemorySegment to, long group) {
      for (int step = 0; step < steps; step += blockLength(), group += (long) across * blockBytes()) {
        int length = Math.min(blockLength(), steps - step);
        for (int lane = 0; lane < across; lane++) {
          int first = at + step * across + lane;
          short scale = scale(from, first, across, length);
          double unit = Float.float16ToFloat(scale);
          to.set(SHORT, group + 2L * lane, scale);
          for (int i = 0; i < blockLength(); i++)
            to.set(JAVA_BYTE, group + (long) across * (Short.BYTES + i) + lane,
                i < length && unit > 0 ? (byte) Math.rint(from[first + i * across] / unit) : 0);
        }
      }
    }

    /// The scale of `length` numbers that are `apart` floats apart. It decides in double, where 127 times a float16 is exact.
    private static short scale(float[] from, int first, int apart, int length) {
      float largest = 0;
      for (int i = 0; i < length; i++) largest = Math.max(largest, Math.abs(from[first + i * apart]));
      if (!(largest <= 127 * F16_MAX)) return F16_NAN;
      short nearest = Float.floatToFloat16(largest / 127);
      return 127.0 * Float.float16ToFloat(nearest) < largest ? (short) (nearest + 1) : nearest;
    }
  };

  private static final ValueLayout.OfFloat FLOAT = JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT = JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);

  private static final float F16_MAX = 65504;
  private static final short F16_NAN = 0x7e00;

  private final int blockLength;
  private final int blockBytes;

  WeightFormat(int blockLength, int blockBytes) {
    this.blockLength = blockLength;
    this.blockBytes = blockBytes;
  }

  /// Numbers of a row in a block, a power of two up to 512; 1 if numbers have no common data.
  public int blockLength() {
    return blockLength;
  }

  /// Bytes of a row's block, including the common data.
  public int blockBytes() {
    return blockBytes;
  }

  /// The format for what should not share data in blocks, such as a table whose rows are read alone: this one, or [#F16] instead of
  /// one with longer blocks.
  public WeightFormat withoutBlocks() {
    return blockLength == 1 ? this : F16;
  }

  /// Number of blocks for `steps` numbers of a row.
  public int blocks(int steps) {
    return blockLength == 1 ? steps : Math.ceilDiv(steps, blockLength);
  }

  /// Bytes of the blocks for `steps` numbers of each of `rows` rows.
  ///
  /// @throws ArithmeticException if they do not fit in 64 bits
  public long bytes(long rows, int steps) {
    return Math.multiplyExact(Math.multiplyExact(rows, (long) blocks(steps)), blockBytes);
  }

  /// One number as float32.
  ///
  /// @param group byte offset of its group of blocks
  /// @param across rows in the group
  /// @param step index of the number in its block
  /// @param lane index of the row in its group
  abstract float get(MemorySegment from, long group, int across, int step, int lane);

  /// Decodes numbers to float32, to `to` from index `at` on as `[steps][across]`.
  ///
  /// @param group byte offset of their first group of blocks
  /// @param across rows in a group
  /// @param steps numbers of each row
  public abstract void decode(MemorySegment from, long group, int across, int steps, float[] to, int at);

  /// Encodes the numbers of `from`, `[steps][across]` from index `at` on, rounded to the nearest, ties to even. Missing numbers of
  /// the last blocks become zeros.
  ///
  /// @param across rows in a group
  /// @param steps numbers of each row; a multiple of [#blockLength()], except at the end of the rows
  /// @param group byte offset of their first group of blocks
  public abstract void encode(float[] from, int at, int across, int steps, MemorySegment to, long group);

  private static short[] shorts(MemorySegment from, long at, int n) {
    var shorts = new short[n];
    MemorySegment.copy(from, SHORT, at, shorts, 0, n);
    return shorts;
  }
}
