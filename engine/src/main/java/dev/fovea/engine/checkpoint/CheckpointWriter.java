package dev.fovea.engine.checkpoint;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/// Writes a safetensors file: all of it or nothing, and the same bytes for the same contents.
///
/// Tensors are added with a supplier of their bytes, which is asked when the tensor is written, so that no more than one
/// needs to be in memory. The file appears under its name when it is complete.
public final class CheckpointWriter {
  private static final int ALIGNMENT = 64;
  private static final int CHUNK = 1 << 20;

  private record Entry(DType dtype, long[] shape, long bytes, Supplier<MemorySegment> contents) {}

  private final Map<String, Entry> entries = new TreeMap<>();
  private final Map<String, String> metadata = new TreeMap<>();

  /// A file without tensors and metadata yet.
  public CheckpointWriter() {}

  /// Adds a metadata entry.
  public CheckpointWriter metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /// Adds a tensor.
  ///
  /// @param contents gives exactly the bytes that shape and dtype need, little-endian
  /// @throws IllegalArgumentException if there is one of that name already
  public CheckpointWriter tensor(String name, DType dtype, long[] shape, Supplier<MemorySegment> contents) {
    long bytes = dtype.bytes();
    for (long d : shape) {
      if (d < 0) throw new IllegalArgumentException("tensor '" + name + "': negative size in " + java.util.Arrays.toString(shape));
      bytes = Math.multiplyExact(bytes, d);
    }
    if (name.equals(SafetensorsHeader.METADATA) || entries.putIfAbsent(name, new Entry(dtype, shape.clone(), bytes, contents)) != null)
      throw new IllegalArgumentException("there are two tensors '" + name + "'");
    return this;
  }

  /// Bytes of all tensors.
  public long bytes() {
    return entries.values().stream().mapToLong(Entry::bytes).sum();
  }

  /// Writes the file, replacing one that is there.
  ///
  /// @throws CheckpointException if it cannot be written; what was there before is untouched then, and nothing is left over
  public void write(Path path) {
    WholeFile.write(path, this::writeAll);
  }

  private void writeAll(FileChannel channel) throws IOException {
    var ordered = ordered();
    var header = header(ordered);
    var length = ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip();
    WholeFile.writeFully(channel, length);
    WholeFile.writeFully(channel, ByteBuffer.wrap(header));
    for (var tensor : ordered.entrySet()) write(channel, tensor.getKey(), tensor.getValue());
  }

  /// Tensors whose size is a multiple of a cache line come first, so that these begin on one; then by name.
  private Map<String, Entry> ordered() {
    var ordered = new LinkedHashMap<String, Entry>();
    entries.entrySet().stream()
        .sorted(Comparator.comparing((Map.Entry<String, Entry> e) -> e.getValue().bytes % ALIGNMENT != 0).thenComparing(e -> e.getValue().bytes % 4 != 0).thenComparing(Map.Entry.comparingByKey()))
        .forEach(e -> ordered.put(e.getKey(), e.getValue()));
    return ordered;
  }

  private byte[] header(Map<String, Entry> ordered) throws IOException {
    var text = new StringWriter();
    try (var json = new JsonWriter(text)) {
      json.setHtmlSafe(false);
      json.beginObject();
      if (!metadata.isEmpty()) {
        json.name(SafetensorsHeader.METADATA).beginObject();
        for (var entry : metadata.entrySet()) json.name(entry.getKey()).value(entry.getValue());
        json.endObject();
      }
      long at = 0;
      for (var tensor : ordered.entrySet()) {
        var entry = tensor.getValue();
        json.name(tensor.getKey()).beginObject().name("dtype").value(entry.dtype.name()).name("shape").beginArray();
        for (long d : entry.shape) json.value(d);
        json.endArray().name("data_offsets").beginArray().value(at).value(at += entry.bytes).endArray().endObject();
      }
      json.endObject();
    }
    var bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    int padded = Math.ceilDiv(bytes.length + SafetensorsHeader.LENGTH_BYTES, ALIGNMENT) * ALIGNMENT - SafetensorsHeader.LENGTH_BYTES;
    if (padded > SafetensorsHeader.MAX_BYTES) throw new IOException("the header would have " + padded + " bytes, more than " + SafetensorsHeader.MAX_BYTES);
    var header = java.util.Arrays.copyOf(bytes, padded);
    java.util.Arrays.fill(header, bytes.length, padded, (byte) ' ');
    return header;
  }

  private static void write(FileChannel channel, String name, Entry entry) throws IOException {
    var contents = entry.contents.get();
    if (contents.byteSize() != entry.bytes)
      throw new IOException("tensor '" + name + "' needs " + entry.bytes + " bytes " + List.of(entry.dtype) + ", got " + contents.byteSize());
    var buffer = ByteBuffer.allocate(CHUNK);
    for (long at = 0; at < entry.bytes; at += CHUNK) {
      int n = (int) Math.min(CHUNK, entry.bytes - at);
      MemorySegment.copy(contents, ValueLayout.JAVA_BYTE, at, buffer.array(), 0, n);
      WholeFile.writeFully(channel, buffer.clear().limit(n));
    }
  }
}
