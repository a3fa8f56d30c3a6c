package dev.fovea.engine.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// Safetensors files byte by byte, for tests.
final class Bytes {
  private Bytes() {}

  /// The length of `header`, `header`, `data`.
  static byte[] file(String header, byte... data) {
    return file(header.getBytes(StandardCharsets.UTF_8), data);
  }

  static byte[] file(byte[] header, byte... data) {
    return little(8 + header.length + data.length).putLong(header.length).put(header).put(data).array();
  }

  /// A file of nothing but a header's length.
  static byte[] length(long length) {
    return little(8).putLong(length).array();
  }

  static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  static MemorySegment segment(byte... bytes) {
    return Arena.ofAuto().allocate(bytes.length, 8).copyFrom(MemorySegment.ofArray(bytes));
  }

  static MemorySegment floats(float... values) {
    var buffer = little(4 * values.length);
    for (float value : values) buffer.putFloat(value);
    return segment(buffer.array());
  }
}
