package dev.fovea.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Objects;
import java.util.zip.CRC32;

/// A tensor of a checkpoint. Any number of threads may read it while the checkpoint is open; afterwards reading throws
/// [IllegalStateException]. Reading one of a mapped file is best done in [Checkpoint#reading].
///
/// @param data its bytes, valid while the checkpoint is open
public record StoredTensor(String name, DType dtype, List<Long> shape, MemorySegment data) {
  private static final ValueLayout.OfDouble F64 = JAVA_DOUBLE_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 = JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfShort I16 = JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 = JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 = JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
  /// Elements or bytes copied at a time.
  private static final int BLOCK = 1 << 14;

  public StoredTensor {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(dtype, "dtype");
    Objects.requireNonNull(shape, "shape");
    Objects.requireNonNull(data, "data");
  }

  /// Number of elements.
  public long size() {
    return data.byteSize() * Byte.SIZE / dtype.bits();
  }

  /// Element `i` in the order of the shape, as a float; 64-bit numbers are rounded, `true` is 1.
  ///
  /// @throws CheckpointException if the type is not [DType#readable()]
  public float floatAt(long i) {
    return switch (dtype) {
      case F64 -> (float) data.get(F64, i * 8);
      case F32 -> data.get(F32, i * 4);
      case F16 -> Float.float16ToFloat(data.get(I16, i * 2));
      case BF16 -> Float.intBitsToFloat(data.get(I16, i * 2) << 16);
      case I64, I32, I16, I8, U8, BOOL -> (float) longAt(i);
      case U64, U32, U16, C64, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4 ->
          throw unreadable();
    };
  }

  /// Element `i` of a tensor of integers.
  ///
  /// @throws CheckpointException if the elements are floating-point numbers, or the type is not [DType#readable()]
  public long longAt(long i) {
    return switch (dtype) {
      case I64 -> data.get(I64, i * 8);
      case I32 -> data.get(I32, i * 4);
      case I16 -> data.get(I16, i * 2);
      case I8 -> data.get(ValueLayout.JAVA_BYTE, i);
      case U8, BOOL -> data.get(ValueLayout.JAVA_BYTE, i) & 0xff;
      case F64, F32, F16, BF16 -> throw new CheckpointException("tensor '" + name + "': expected integers, got " + dtype);
      case U64, U32, U16, C64, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4 ->
          throw unreadable();
    };
  }

  private CheckpointException unreadable() {
    return new CheckpointException(dtype.unreadable(name));
  }

  /// A checksum (CRC-32) of the bytes, for comparing tensors. They are copied first: Java does not survive a checksum of a mapped
  /// file that becomes shorter, but a copy fails with an [InternalError].
  public long checksum() {
    var crc = new CRC32();
    var block = new byte[BLOCK];
    for (long at = 0; at < data.byteSize(); at += BLOCK) {
      int n = (int) Math.min(BLOCK, data.byteSize() - at);
      MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at, block, 0, n);
      crc.update(block, 0, n);
    }
    return crc.getValue();
  }

  /// All elements as floats; a copy.
  ///
  /// @throws CheckpointException if there are more than an array can hold, or the type is not [DType#readable()]
  public float[] toFloats() {
    if (size() > Integer.MAX_VALUE - 8) throw new CheckpointException("tensor '" + name + "': " + size()
        + " elements are too many for an array");
    var values = new float[(int) size()];
    read(0, values, 0, values.length);
    return values;
  }

  /// Writes all elements to `floats`, as floats.
  void copyTo(MemorySegment floats) {
    var block = new float[(int) Math.min(BLOCK, size())];
    for (long i = 0; i < size(); i += BLOCK) {
      int n = (int) Math.min(BLOCK, size() - i);
      read(i, block, 0, n);
      MemorySegment.copy(block, 0, floats, ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * i, n);
    }
  }

  /// Writes elements `from … from + n - 1` as floats to `to`, starting at index `at`. The common types are copied through an array,
  /// because access to single elements of a segment is slow until C2 has compiled the loop.
  ///
  /// @throws CheckpointException if the type is not [DType#readable()]
  /// @throws IndexOutOfBoundsException if there are no such elements, or `to` is too short
  public void read(long from, float[] to, int at, int n) {
    Objects.requireNonNull(to, "to");
    switch (dtype) {
      case F32 -> WeightFormat.F32.decode(data, 4 * from, 1, n, to, at);
      case F16 -> WeightFormat.F16.decode(data, 2 * from, 1, n, to, at);
      case BF16 -> WeightFormat.BF16.decode(data, 2 * from, 1, n, to, at);
      case F64, I64, I32, I16, I8, U8, BOOL -> { for (int i = 0; i < n; i++) to[at + i] = floatAt(from + i); }
      case U64, U32, U16, C64, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4 ->
          throw unreadable();
    }
  }
}
