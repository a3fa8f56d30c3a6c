package dev.fovea.converter.source;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// A tensor of an ONNX model, as it is written (ref: onnx, `onnx.proto`, `TensorProto`). Its elements are not checked before they
/// are asked for.
///
/// @param type the number of the element type
/// @param raw its elements as they are in memory; null if they are elsewhere
/// @param packed its elements as protobuf's packed numbers, by the number of the field; null if they are elsewhere
/// @param external where they are in another file; empty if they are in this one
record OnnxTensor(String file, String name, int type, List<Long> shape, @Nullable MemorySegment raw, @Nullable Packed packed,
    Map<String, String> external) {
  /// Numbers of the fields with elements.
  static final int FLOATS = 4, INTEGERS = 5, LONGS = 7, DOUBLES = 10;

  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");
  private static final long MAX_DECODED = 1 << 27;

  record Packed(int field, MemorySegment bytes) {}

  /// Finds the files beside the model that hold elements.
  interface OtherFiles {
    /// @throws CheckpointException if there is no such file
    MemorySegment bytes(String location);
  }

  /// The element type; null for one that has no equivalent.
  @Nullable DType dtype() {
    return switch (type) {
      case 1 -> DType.F32;
      case 2 -> DType.U8;
      case 3 -> DType.I8;
      case 4 -> DType.U16;
      case 5 -> DType.I16;
      case 6 -> DType.I32;
      case 7 -> DType.I64;
      case 9 -> DType.BOOL;
      case 10 -> DType.F16;
      case 11 -> DType.F64;
      case 12 -> DType.U32;
      case 13 -> DType.U64;
      case 14 -> DType.C64;
      case 16 -> DType.BF16;
      case 17 -> DType.F8_E4M3;
      case 18 -> DType.F8_E4M3FNUZ;
      case 19 -> DType.F8_E5M2;
      case 20 -> DType.F8_E5M2FNUZ;
      default -> null;
    };
  }

  /// Whether its elements are floating-point numbers of a type that can be read.
  boolean isFloat() {
    var dtype = dtype();
    return dtype == DType.F32 || dtype == DType.F16 || dtype == DType.BF16 || dtype == DType.F64;
  }

  int rank() {
    return shape.size();
  }

  /// The tensor, whose elements stay where they are, unless they are packed integers.
  ///
  /// @throws CheckpointException if its elements are missing, of a type that is not known, or more or fewer than its shape has
  SourceTensor in(OtherFiles files) {
    var dtype = dtype();
    if (dtype == null) throw broken("elements of ONNX's type " + type + " are not supported");
    try {
      var elements = elements(dtype, files);
      var tensor = new SourceTensor(name, dtype, shape, SourceTensor.rowMajor(shape), 0, elements, LITTLE_ENDIAN);
      if (tensor.size() != elements.byteSize() / dtype.bytes() || elements.byteSize() % dtype.bytes() != 0)
        throw broken("expected " + tensor.size() + " elements of " + dtype.bytes() + " bytes, got " + elements.byteSize()
            + " bytes");
      return tensor;
    } catch (CheckpointException e) {
      throw e.getMessage().startsWith(file) ? e : new CheckpointException(file + ": " + e.getMessage(), e);
    }
  }

  private MemorySegment elements(DType dtype, OtherFiles files) {
    if (!external.isEmpty()) return external(files, dtype);
    if (raw != null) return raw;
    if (packed == null) return MemorySegment.NULL;
    int expected = switch (dtype) {
      case F32 -> FLOATS;
      case F64 -> DOUBLES;
      case I64 -> LONGS;
      case F16, BF16, I32, I16, I8, U8, BOOL -> INTEGERS;
      case U64, U32, U16, C64, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4 ->
          throw broken("elements of type " + dtype + " are not supported as packed numbers");
    };
    if (packed.field != expected)
      throw broken("expected elements of type " + dtype + " in field " + expected + ", got field " + packed.field);
    return expected == FLOATS || expected == DOUBLES ? packed.bytes : decoded(dtype, packed.bytes);
  }

  /// Packed integers, of which each takes at least a byte; 16-bit floats are among them, as the integers of their bits.
  private MemorySegment decoded(DType dtype, MemorySegment bytes) {
    var fields = new ProtobufFields(file, bytes);
    long count = 0;
    for (; fields.hasPacked(); count++) fields.packed();
    if (count != size()) throw broken("expected " + size() + " elements, got " + count);
    if (count > MAX_DECODED) throw broken("expected at most " + MAX_DECODED + " packed integers, got " + count);
    var elements = ByteBuffer.allocate((int) count * dtype.bytes()).order(LITTLE_ENDIAN);
    fields = new ProtobufFields(file, bytes);
    while (fields.hasPacked()) {
      long value = fields.packed();
      switch (dtype.bytes()) {
        case Long.BYTES -> elements.putLong(value);
        case Integer.BYTES -> elements.putInt(Math.toIntExact(inside(value, Integer.MIN_VALUE, Integer.MAX_VALUE)));
        case Short.BYTES -> elements.putShort((short) (dtype == DType.I16 ? inside(value, Short.MIN_VALUE, Short.MAX_VALUE)
            : inside(value, 0, 0xffff)));
        default -> elements.put((byte) (dtype == DType.I8 ? inside(value, Byte.MIN_VALUE, Byte.MAX_VALUE)
            : inside(value, 0, 0xff)));
      }
    }
    return MemorySegment.ofArray(elements.array());
  }

  private long inside(long value, long least, long most) {
    if (value < least || value > most) throw broken("expected integers from " + least + " to " + most + ", got " + value);
    return value;
  }

  private MemorySegment external(OtherFiles files, DType dtype) {
    var location = external.get("location");
    if (location == null) throw broken("its elements are in another file, and which is not said");
    var bytes = files.bytes(location);
    long offset = number("offset", 0), needed = size() * dtype.bytes(), length = number("length", needed);
    if (length != needed) throw broken("expected " + needed + " bytes of '" + plain(location) + "', got a length of " + length);
    if (offset > bytes.byteSize() || needed > bytes.byteSize() - offset)
      throw broken("expected bytes " + offset + " to " + (offset + needed) + " of '" + plain(location) + "', which has "
          + bytes.byteSize());
    return bytes.asSlice(offset, needed);
  }

  private long number(String key, long otherwise) {
    var text = external.get(key);
    if (text == null) return otherwise;
    if (!NUMBER.matcher(text).matches()) throw broken("expected a number as '" + key + "', got '" + plain(text) + "'");
    return Long.parseLong(text);
  }

  /// Number of elements that the shape has, at most as many as a file can hold.
  private long size() {
    long size = 1;
    try {
      for (long length : shape) {
        if (length < 0) throw broken("expected lengths of at least 0, got " + length);
        size = Math.multiplyExact(size, length);
      }
      return Math.multiplyExact(size, Long.BYTES) / Long.BYTES;
    } catch (ArithmeticException e) {
      throw broken("the size of " + shape + " does not fit in 64 bits");
    }
  }

  private CheckpointException broken(String why) {
    return new CheckpointException(file + ": tensor '" + plain(name) + "': " + why);
  }

  static String plain(String name) {
    var plain = name.replaceAll("\\p{Cntrl}", "?");
    return plain.length() <= 120 ? plain : plain.substring(0, 120) + "…";
  }
}
