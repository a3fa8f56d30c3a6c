package dev.fovea.benchmarks.peers;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A Protocol Buffers message that is being written, field by field. Chunks are kept as they are until the end, since a model's
/// parameters are large.
final class Proto {
  private static final int VARINT = 0, LENGTH = 2, FIXED32 = 5;

  private final List<byte[]> chunks = new ArrayList<>();
  private int size;

  Proto integer(int field, long value) {
    return tag(field, VARINT).varint(value);
  }

  Proto number(int field, float value) {
    return tag(field, FIXED32).chunk(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
  }

  Proto string(int field, String value) {
    return bytes(field, value.getBytes(StandardCharsets.UTF_8));
  }

  Proto bytes(int field, byte[] value) {
    return tag(field, LENGTH).varint(value.length).chunk(value);
  }

  Proto message(int field, Proto value) {
    tag(field, LENGTH).varint(value.size);
    value.chunks.forEach(this::chunk);
    return this;
  }

  /// The whole message.
  byte[] toBytes() {
    var all = ByteBuffer.allocate(size);
    chunks.forEach(all::put);
    return all.array();
  }

  private Proto tag(int field, int type) {
    return varint((long) field << 3 | type);
  }

  private Proto varint(long value) {
    var bytes = ByteBuffer.allocate(10);
    for (; (value & ~0x7fL) != 0; value >>>= 7) bytes.put((byte) (value | 0x80));
    bytes.put((byte) value);
    return chunk(Arrays.copyOf(bytes.array(), bytes.position()));
  }

  private Proto chunk(byte[] bytes) {
    chunks.add(bytes);
    size = Math.addExact(size, bytes.length);
    return this;
  }
}
