package dev.fovea.converter.source;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/// The fields of a protobuf message, one after the other (ref: protobuf, "Encoding"). A message within it is a view of its bytes;
/// nothing is copied but texts.
final class ProtobufFields {
  private static final int VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;
  private static final int MAX_VARINT = 10;
  private static final ValueLayout.OfFloat F32 = JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);

  private final String file;
  private final MemorySegment bytes;
  /// Where the message begins in the file.
  private final long from;
  private long at;
  private int field;
  private int type;
  /// The current field's number, or the length of its bytes, which begin at `begin`.
  private long value;
  private long begin;

  ProtobufFields(String file, MemorySegment bytes) {
    this(file, bytes, 0);
  }

  private ProtobufFields(String file, MemorySegment bytes, long from) {
    this.file = file;
    this.bytes = bytes;
    this.from = from;
  }

  /// Goes to the next field; false at the message's end.
  ///
  /// @throws CheckpointException if no field begins here, or it reaches beyond the message
  boolean next() {
    if (at == bytes.byteSize()) return false;
    long key = varint();
    field = (int) (key >>> 3);
    type = (int) key & 7;
    if (key >>> 32 != 0 || field == 0) throw broken("expected a field's number, got " + Long.toUnsignedString(key >>> 3));
    begin = at;
    value = switch (type) {
      case VARINT -> varint();
      case FIXED64 -> Long.BYTES;
      case FIXED32 -> Float.BYTES;
      case BYTES -> varint();
      default -> throw broken("expected a field of a known type, got type " + type);
    };
    if (type == VARINT) return true;
    if (type == BYTES) begin = at;
    if (value < 0 || value > bytes.byteSize() - begin)
      throw broken("expected at most " + (bytes.byteSize() - begin) + " bytes of field " + field + ", got "
          + Long.toUnsignedString(value) + "; is the file truncated?");
    at = begin + value;
    return true;
  }

  /// The current field's number in the message's definition.
  int field() {
    return field;
  }

  /// Whether the current field holds bytes, as texts, messages and packed numbers do.
  boolean isBytes() {
    return type == BYTES;
  }

  /// The current field as an integer.
  ///
  /// @throws CheckpointException if it is something else
  long integer() {
    require(VARINT, "an integer");
    return value;
  }

  /// The current field as a 32-bit float.
  ///
  /// @throws CheckpointException if it is something else
  float float32() {
    require(FIXED32, "a float");
    return bytes.get(F32, begin);
  }

  /// The current field's bytes.
  ///
  /// @throws CheckpointException if it is something else
  MemorySegment bytes() {
    require(BYTES, "bytes");
    return bytes.asSlice(begin, value);
  }

  /// Number of the current field's bytes.
  ///
  /// @throws CheckpointException if it is something else
  long length() {
    require(BYTES, "bytes");
    return value;
  }

  /// The current field's message.
  ///
  /// @throws CheckpointException if it is something else
  ProtobufFields message() {
    return new ProtobufFields(file, bytes(), from + begin);
  }

  /// The current field as a text, of at most so many bytes.
  ///
  /// @throws CheckpointException if it is something else, or longer
  String text(int most) {
    if (length() > most) throw broken("expected a text of at most " + most + " bytes, got " + value);
    return new String(bytes().toArray(JAVA_BYTE), StandardCharsets.UTF_8);
  }

  /// The integer here, of packed ones, which have no fields.
  ///
  /// @throws CheckpointException if there is none
  long packed() {
    return varint();
  }

  /// Whether packed numbers go on.
  boolean hasPacked() {
    return at < bytes.byteSize();
  }

  private void require(int expected, String what) {
    if (type != expected) throw broken("expected " + what + " in field " + field + ", got type " + type);
  }

  private long varint() {
    long number = 0;
    for (int i = 0; i < MAX_VARINT; i++) {
      if (at == bytes.byteSize()) throw broken("a number has no end; is the file truncated?");
      byte next = bytes.get(JAVA_BYTE, at++);
      number |= (next & 0x7fL) << 7 * i;
      if (next < 0) continue;
      if (i == MAX_VARINT - 1 && next > 1) break;
      return number;
    }
    throw broken("expected a number of at most 64 bits");
  }

  private CheckpointException broken(String why) {
    return new CheckpointException(file + ": is no ONNX model, or a broken one: before byte " + (from + at) + ": " + why);
  }
}
