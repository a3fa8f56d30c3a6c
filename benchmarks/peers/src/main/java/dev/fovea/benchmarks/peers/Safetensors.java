package dev.fovea.benchmarks.peers;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// Published checkpoints as they are exchanged (ref: safetensors `README.md`, "Format").
final class Safetensors {
  private final ByteBuffer bytes;
  private final JsonObject header;
  private final int start;

  /// A file in memory.
  Safetensors(byte[] file) {
    bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int length = Math.toIntExact(bytes.getLong(0));
    start = 8 + length;
    header = JsonParser.parseString(new String(file, 8, length, StandardCharsets.UTF_8)).getAsJsonObject();
  }

  float[] floats(String name) {
    var place = place(name);
    var values = new float[place.remaining() / 4];
    place.asFloatBuffer().get(values);
    return values;
  }

  long[] longs(String name) {
    var place = place(name);
    var values = new long[place.remaining() / 8];
    place.asLongBuffer().get(values);
    return values;
  }

  private ByteBuffer place(String name) {
    var offsets = header.getAsJsonObject(name).getAsJsonArray("data_offsets");
    int from = offsets.get(0).getAsInt();
    return bytes.slice(start + from, offsets.get(1).getAsInt() - from).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// All of a checkpoint's parameters, in float32.
  Map<String, Parameters.Values> parameters() {
    var all = new HashMap<String, Parameters.Values>();
    for (var name : header.keySet()) {
      if (name.equals("__metadata__")) continue;
      var shape = header.getAsJsonObject(name).getAsJsonArray("shape").asList().stream().mapToLong(e -> e.getAsLong()).toArray();
      all.put(name, new Parameters.Values(floats(name), shape));
    }
    return all;
  }

  /// Writes parameters, in float32.
  static void write(Path file, Map<String, Parameters.Values> parameters) {
    var header = new StringBuilder("{");
    long at = 0;
    for (var each : parameters.entrySet()) {
      var values = each.getValue();
      long end = at + 4L * values.numbers().length;
      header.append(at == 0 ? "" : ",").append('"').append(each.getKey()).append("\":{\"dtype\":\"F32\",\"shape\":")
          .append(Arrays.toString(values.shape())).append(",\"data_offsets\":[").append(at).append(',').append(end)
          .append("]}");
      at = end;
    }
    header.append("}").append(" ".repeat(Math.floorMod(-header.length(), 8)));
    try (var out = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      var text = header.toString().getBytes(StandardCharsets.UTF_8);
      write(out, ByteBuffer.allocate(8 + text.length).order(ByteOrder.LITTLE_ENDIAN).putLong(text.length).put(text).flip());
      for (var values : parameters.values()) {
        var raw = ByteBuffer.allocate(4 * values.numbers().length).order(ByteOrder.LITTLE_ENDIAN);
        raw.asFloatBuffer().put(values.numbers());
        write(out, raw);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(FileChannel out, ByteBuffer from) throws IOException {
    while (from.hasRemaining()) out.write(from);
  }
}
