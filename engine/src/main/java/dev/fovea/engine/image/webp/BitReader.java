package dev.fovea.engine.image.webp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Reads the bits of a lossless picture, the lowest of each byte first (RFC 9649, section 3.3).
///
/// Past the end it reads zeros, so that looking ahead is safe; [#requireEnough] detects that they were consumed. As in libwebp,
/// fewer than 8 bytes count as 8.
final class BitReader {
  /// Number of bits that [#fill] makes available.
  static final int FILLED = 56;

  private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final byte[] bytes;
  private final int from;
  private final int to;
  private final long limit;
  private int at;
  /// The next bits; those above the lowest [#held] are not valid.
  private long window;
  private int held;

  /// The bits at `[from, to)` of `bytes`.
  BitReader(byte[] bytes, int from, int to) {
    this.bytes = bytes;
    this.from = from;
    this.to = to;
    limit = Math.max(Long.SIZE, 8L * (to - from));
    at = from;
  }

  /// Makes [#FILLED] bits available to [#peek] and [#skip].
  void fill() {
    if (to - at >= Long.BYTES) {
      window = window & (1L << held) - 1 | (long) LONG.get(bytes, at) << held;
      at += Long.SIZE - 1 - held >> 3;
      held |= FILLED;
      return;
    }
    window &= (1L << held) - 1;
    for (; held < FILLED; held += 8, at++) if (at < to) window |= (bytes[at] & 0xffL) << held;
  }

  /// @throws WebpException if more bits were consumed than there are
  void requireEnough() {
    if (8L * (at - from) - held > limit) throw new WebpException("the lossless picture is cut: its data end before its last pixel");
  }

  /// The exception for invalid bits; if they are from past the end, throws that the data are cut.
  WebpException broken(String what) {
    requireEnough();
    return new WebpException("the lossless picture is broken: " + what);
  }

  /// The next `count` bits, of those that [#fill] made available, without consuming them.
  int peek(int count) {
    return (int) window & (1 << count) - 1;
  }

  void skip(int count) {
    window >>>= count;
    held -= count;
  }

  /// The next `count` bits as an unsigned number, at most 24.
  int read(int count) {
    if (held < count) fill();
    int value = peek(count);
    skip(count);
    return value;
  }

  boolean flag() {
    return read(1) != 0;
  }
}
