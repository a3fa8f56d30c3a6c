package dev.fovea.engine.image.webp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Reads the arithmetic code of one VP8 partition (RFC 6386, section 7).
///
/// The end is detected as in libwebp: a partition is truncated if a bit is read when fewer than 8 bits are left to compare. The
/// overflow of 64 and 32 bits, in partitions that no encoder writes, is also that of libwebp.
final class BooleanDecoder {
  private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
  private static final int STEP = 7;

  private final byte[] bytes;
  private final int from;
  private final int to;
  private int at;
  /// The bits not consumed yet; the 8 that are compared with the split are above the lowest [#spare] ones.
  private long value;
  private int spare = -8;
  private int range = 255;

  /// The partition at `[from, to)` of `bytes`.
  BooleanDecoder(byte[] bytes, int from, int to) {
    this.bytes = bytes;
    this.from = from;
    at = from;
    this.to = to;
  }

  /// Rejects an empty partition, even if no bit of it is read.
  ///
  /// @throws WebpException if the partition is empty
  void checkNotEmpty() {
    if (from == to) throw cut();
  }

  /// A bit that is 0 with a probability of `probability / 256`.
  ///
  /// @throws WebpException if the partition is truncated
  int bit(int probability) {
    if (spare < 0) load();
    int split = 1 + ((range - 1) * probability >> 8), bit, rest;
    if (Integer.compareUnsigned(window(), split) >= 0) {
      value -= (long) split << spare;
      rest = range - split;
      bit = 1;
    } else {
      rest = split;
      bit = 0;
    }
    int shift = Integer.numberOfLeadingZeros(rest) - 24;
    range = rest << shift;
    spare -= shift;
    return bit;
  }

  /// `magnitude` with the sign of the next bit, whose values are equally probable.
  int sign(int magnitude) {
    if (spare < 0) load();
    int split = range + 1 >> 1, negative = split - 1 - window() >> 31;
    value -= (long) (split & negative) << spare;
    range = 2 * (negative == 0 ? split : range - split);
    spare--;
    return (magnitude ^ negative) - negative;
  }

  /// The bits to compare with the split: less than the range, except in a partition that starts with eight ones, which no encoder
  /// writes.
  private int window() {
    return (int) (value >>> spare);
  }

  private void load() {
    if (to - at >= Long.BYTES) {
      value = value << 8 * STEP | (long) LONG.get(bytes, at) >>> 8;
      at += STEP;
      spare += 8 * STEP;
    } else if (at < to) {
      value = value << 8 | bytes[at++] & 0xff;
      spare += 8;
    } else {
      throw cut();
    }
  }

  private static WebpException cut() {
    return new WebpException("the lossy picture is cut: a partition ends before its last macroblock");
  }

  /// A bit whose values are equally probable.
  boolean flag() {
    return bit(128) != 0;
  }

  /// An unsigned number of `bits` bits, the highest first.
  int literal(int bits) {
    int number = 0;
    for (int i = 0; i < bits; i++) number = 2 * number + bit(128);
    return number;
  }

  /// A magnitude of `bits` bits and a sign.
  int signed(int bits) {
    int magnitude = literal(bits);
    return flag() ? -magnitude : magnitude;
  }

  /// A signed number if the flag before it is set, else 0.
  int optionalSigned(int bits) {
    return flag() ? signed(bits) : 0;
  }

  /// Reads a leaf of a tree whose positive entries are indices of pairs and whose others are negated leaves; the pair at `2 i` has
  /// the probability `probabilities[first + i]` (RFC 6386, section 8.1).
  int leaf(byte[] tree, int[] probabilities, int first) {
    int i = 0;
    do i = tree[i + bit(probabilities[first + (i >> 1)])];
    while (i > 0);
    return -i;
  }
}
