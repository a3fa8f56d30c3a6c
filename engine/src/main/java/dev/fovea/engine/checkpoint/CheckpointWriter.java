package dev.fovea.engine.checkpoint;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.gson.stream.JsonWriter;
import dev.fovea.engine.tensor.CancelledException;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// Writes a safetensors file completely or not at all; equal contents give equal bytes.
///
/// A tensor is added with a callback that produces its bytes in pieces when the file is written, so that no tensor needs to be in
/// memory. The file appears under its name once it is complete.
///
/// Not thread-safe. Callbacks are called on the thread that writes. Arguments such as shapes are copied; nothing is to be closed.
public final class CheckpointWriter {
  private static final int ALIGNMENT = 64;
  private static final int CHUNK = 1 << 20;

  /// Receives a tensor's bytes in order.
  @FunctionalInterface
  public interface Sink {
    /// Consumes the remaining bytes of `bytes`.
    void write(ByteBuffer bytes) throws IOException;
  }

  /// Produces a tensor's bytes, in pieces of any size.
  @FunctionalInterface
  public interface Contents {
    /// Gives all bytes to `sink`.
    void writeTo(Sink sink) throws IOException;
  }

  private record Entry(DType dtype, long[] shape, long bytes, Contents contents) {}

  private final Map<String, Entry> entries = new TreeMap<>();
  private final Map<String, Supplier<String>> metadata = new TreeMap<>();
  private long bytes;
  private @Nullable String sha256;
  /// Whether a metadata entry is only known after the tensors are written.
  private boolean late;

  /// A writer without tensors and metadata.
  public CheckpointWriter() {}

  /// Adds a metadata entry.
  public CheckpointWriter metadata(String key, String value) {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(value, "value");
    metadata.put(key, () -> value);
    return this;
  }

  /// Adds a metadata entry that is only known after the tensors are written, such as [#sha256()].
  ///
  /// @param placeholder text of the same length as the value, in bytes of JSON in UTF-8
  public CheckpointWriter metadata(String key, String placeholder, Supplier<String> value) {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(placeholder, "placeholder");
    Objects.requireNonNull(value, "value");
    metadata.put(key, () -> sha256 == null ? placeholder : value.get());
    late = true;
    return this;
  }

  /// Adds a tensor whose bytes are in memory when it is written.
  ///
  /// @param contents exactly the bytes of `shape` and `dtype`, little-endian
  /// @throws IllegalArgumentException if the name exists already, a size is negative, or the elements do not fill whole bytes
  public CheckpointWriter tensor(String name, DType dtype, long[] shape, Supplier<MemorySegment> contents) {
    Objects.requireNonNull(shape, "shape");
    Objects.requireNonNull(contents, "contents");
    return tensor(name, dtype, shape, sink -> {
      var bytes = contents.get();
      for (long at = 0; at < bytes.byteSize(); at += CHUNK)
        sink.write(bytes.asSlice(at, Math.min(CHUNK, bytes.byteSize() - at)).asByteBuffer());
    });
  }

  /// Adds a tensor.
  ///
  /// @param contents exactly the bytes of `shape` and `dtype`, little-endian
  /// @throws IllegalArgumentException if the name exists already, a size is negative, or the elements do not fill whole bytes
  public CheckpointWriter tensor(String name, DType dtype, long[] shape, Contents contents) {
    Objects.requireNonNull(shape, "shape");
    Objects.requireNonNull(contents, "contents");
    long elements = 1;
    for (long d : shape) {
      if (d < 0) throw new IllegalArgumentException("tensor '" + name + "': negative size in " + java.util.Arrays.toString(shape));
      elements = Math.multiplyExact(elements, d);
    }
    // In groups of eight elements, so that the number of bits cannot overflow.
    long rest = elements % Byte.SIZE * dtype.bits();
    if (rest % Byte.SIZE != 0)
      throw new IllegalArgumentException("tensor '" + name + "': expected whole bytes, got " + elements + " elements of "
          + dtype.bits() + " bits");
    long bytes = Math.addExact(Math.multiplyExact(elements / Byte.SIZE, dtype.bits()), rest / Byte.SIZE);
    if (name.equals(SafetensorsHeader.METADATA)
        || entries.putIfAbsent(name, new Entry(dtype, shape.clone(), bytes, contents)) != null)
      throw new IllegalArgumentException("there are two tensors '" + name + "'");
    this.bytes += bytes;
    return this;
  }

  /// Total size of the tensors in bytes.
  public long bytes() {
    return bytes;
  }

  /// Size of the whole file in bytes.
  public long fileBytes() {
    return SafetensorsHeader.LENGTH_BYTES + header(ordered()).length + bytes();
  }

  /// SHA-256 of the tensors' bytes, which are all that follows the header, in hexadecimal.
  ///
  /// @throws IllegalStateException before anything is written
  public String sha256() {
    if (sha256 == null) throw new IllegalStateException("nothing was written yet");
    return sha256;
  }

  /// Writes the file, replacing an existing one. If the path is a pipe or a device and metadata depend on the tensors' bytes, these
  /// are produced twice.
  ///
  /// @throws CheckpointException if it cannot be written; an existing file is then unchanged, and no temporary file is left
  /// @throws CancelledException if the thread is interrupted, with the same consequences
  public void write(Path path) {
    var destination = Destination.of(path);
    if (!destination.isStream()) Unfinished.removeLeftovers(destination.target());
    WholeFile.write(path, fileBytes(), this::writeAll);
  }

  /// Produces all bytes like [#write], without writing them.
  ///
  /// @throws CheckpointException if they cannot be produced
  /// @throws CancelledException if the thread is interrupted while it reads a file
  public void rehearse() {
    try {
      writeTensors(ordered(), null);
    } catch (IOException e) {
      WholeFile.requireUninterrupted("the tensors", e);
      throw new CheckpointException("cannot be written: " + WholeFile.reason(e), e);
    }
  }

  private void writeAll(WritableByteChannel channel) throws IOException {
    var ordered = ordered();
    sha256 = null;
    // A stream cannot be rewritten, so its metadata must be known first.
    boolean known = late && !(channel instanceof FileChannel);
    if (known) writeTensors(ordered, null);
    var header = header(ordered);
    var length = ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip();
    WholeFile.writeFully(channel, length);
    WholeFile.writeFully(channel, ByteBuffer.wrap(header));
    writeTensors(ordered, channel);
    if (!late || known) return;
    // The header again, with the final metadata.
    var complete = header(ordered);
    if (complete.length != header.length) throw new IOException("the metadata became longer while it was written");
    WholeFile.writeFully(((FileChannel) channel).position(SafetensorsHeader.LENGTH_BYTES), ByteBuffer.wrap(complete));
  }

  /// @param channel null to only compute the hash
  private void writeTensors(Map<String, Entry> ordered, @Nullable WritableByteChannel channel) throws IOException {
    var out = new Output(channel);
    for (var tensor : ordered.entrySet()) {
      var entry = tensor.getValue();
      long before = out.count;
      entry.contents.writeTo(out);
      if (out.count - before != entry.bytes)
        throw new IOException("tensor '" + tensor.getKey() + "' needs " + entry.bytes + " bytes " + List.of(entry.dtype)
            + ", got " + (out.count - before));
    }
    sha256 = out.finish();
  }

  /// Buffers pieces, hashes them and writes them to the file.
  private static final class Output implements Sink {
    private final @Nullable WritableByteChannel channel;
    private final ByteBuffer gathered = ByteBuffer.allocate(CHUNK);
    private final Hasher hasher = Hashing.sha256().newHasher();
    private long count;

    private Output(@Nullable WritableByteChannel channel) {
      this.channel = channel;
    }

    @Override
    public void write(ByteBuffer bytes) throws IOException {
      count += bytes.remaining();
      while (bytes.hasRemaining()) {
        int n = Math.min(bytes.remaining(), gathered.remaining());
        gathered.put(bytes.slice().limit(n));
        bytes.position(bytes.position() + n);
        if (!gathered.hasRemaining()) flush();
      }
    }

    private void flush() throws IOException {
      hasher.putBytes(gathered.array(), 0, gathered.position());
      if (channel != null) WholeFile.writeFully(channel, gathered.flip());
      gathered.clear();
    }

    private String finish() throws IOException {
      flush();
      return hasher.hash().toString();
    }
  }

  /// Multiples of a cache line in size come first, then multiples of 4 bytes, so that they are aligned; then by name.
  private Map<String, Entry> ordered() {
    var ordered = new LinkedHashMap<String, Entry>();
    entries.entrySet().stream()
        .sorted(Comparator.comparing((Map.Entry<String, Entry> e) -> e.getValue().bytes % ALIGNMENT != 0)
        .thenComparing(e -> e.getValue().bytes % 4 != 0).thenComparing(Map.Entry.comparingByKey()))
        .forEach(e -> ordered.put(e.getKey(), e.getValue()));
    return ordered;
  }

  private byte[] header(Map<String, Entry> ordered) {
    var text = new StringWriter();
    try (var json = new JsonWriter(text)) {
      json.setHtmlSafe(false);
      json.beginObject();
      if (!metadata.isEmpty()) {
        json.name(SafetensorsHeader.METADATA).beginObject();
        for (var entry : metadata.entrySet()) json.name(entry.getKey()).value(entry.getValue().get());
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
    } catch (IOException e) {
      throw new AssertionError("a text in memory can be written", e);
    }
    var bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    int padded = Math.ceilDiv(bytes.length + SafetensorsHeader.LENGTH_BYTES,
        ALIGNMENT) * ALIGNMENT - SafetensorsHeader.LENGTH_BYTES;
    if (padded > SafetensorsHeader.MAX_BYTES)
      throw new CheckpointException("the header would have " + padded + " bytes, more than " + SafetensorsHeader.MAX_BYTES);
    var header = java.util.Arrays.copyOf(bytes, padded);
    java.util.Arrays.fill(header, bytes.length, padded, (byte) ' ');
    return header;
  }
}
