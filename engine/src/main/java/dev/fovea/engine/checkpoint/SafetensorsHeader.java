package dev.fovea.engine.checkpoint;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/// The validated header of a safetensors file. The file consists of eight bytes of length, JSON, and the tensors' bytes without
/// gaps (`docs/source/index.mdx` and `safetensors/src/tensor.rs` of the safetensors project).
///
/// @param entries the tensors, in the order of their bytes
/// @param data offset of the first tensor's bytes in the file
/// @param end offset of the last tensor's end, which is the size of the file
record SafetensorsHeader(List<Entry> entries, Map<String, String> metadata, long data, long end) {
  static final String METADATA = "__metadata__";
  static final int LENGTH_BYTES = 8;
  /// The format's own limit, which keeps a hostile header from exhausting memory.
  static final long MAX_BYTES = 100_000_000;

  private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// A tensor; offsets count from the end of the header.
  record Entry(String name, DType dtype, List<Long> shape, long begin, long end) {
    long size() {
      return end - begin;
    }
  }

  /// @param bytes the start of the file, including the whole header if a file of `fileBytes` can hold it
  /// @throws CheckpointException if a rule of the format is broken
  static SafetensorsHeader parse(String file, MemorySegment bytes, long fileBytes) {
    return new Parser(file, bytes, fileBytes).parse();
  }

  /// Reads only the header.
  ///
  /// @throws CheckpointException if a rule of the format is broken, or the file is truncated meanwhile
  static SafetensorsHeader read(String file, FileChannel channel) throws IOException {
    long fileBytes = channel.size();
    var begin = ByteBuffer.allocate(LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    if (fileBytes >= LENGTH_BYTES) WholeFile.readFully(file, channel, begin, 0);
    long length = begin.getLong(0);
    // The parser reports the error.
    if (length < 0 || length > Math.min(MAX_BYTES, fileBytes - LENGTH_BYTES))
      return parse(file, MemorySegment.ofArray(begin.array()), fileBytes);
    var header = ByteBuffer.allocate(LENGTH_BYTES + (int) length);
    WholeFile.readFully(file, channel, header, 0);
    return parse(file, MemorySegment.ofArray(header.array()), fileBytes);
  }

  /// A function from tensors to their bytes in the whole file.
  Function<Entry, MemorySegment> in(MemorySegment file) {
    return entry -> file.asSlice(data + entry.begin, entry.size());
  }

  /// The tensors by name, in file order.
  ///
  /// @param memory returns a tensor's bytes
  Map<String, StoredTensor> tensors(Function<Entry, MemorySegment> memory) {
    var tensors = new LinkedHashMap<String, StoredTensor>();
    for (var entry : entries) tensors.put(entry.name, new StoredTensor(entry.name, entry.dtype, entry.shape, memory.apply(entry)));
    return Collections.unmodifiableMap(tensors);
  }

  private static final class Parser {
    private final String file;
    private final MemorySegment bytes;
    private final long fileBytes;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private boolean metadataSeen;

    Parser(String file, MemorySegment bytes, long fileBytes) {
      this.file = file;
      this.bytes = bytes;
      this.fileBytes = fileBytes;
    }

    private CheckpointException broken(String why) {
      // Names come from the file and may contain control characters; the message must be one line.
      return new CheckpointException(file + ": not a valid safetensors file: " + why.replaceAll("\\p{Cntrl}", "?"));
    }

    SafetensorsHeader parse() {
      if (fileBytes < LENGTH_BYTES)
        throw broken(fileBytes == 0 ? "it is empty" : "it has " + fileBytes + " bytes, fewer than the 8 of the header's length");
      long length = bytes.get(LENGTH, 0);
      if (length < 0 || length > MAX_BYTES)
        throw broken("its first 8 bytes give a header of " + Long.toUnsignedString(length) + " bytes, more than " + MAX_BYTES);
      long rest = fileBytes - LENGTH_BYTES;
      if (length > rest) throw broken("the header has " + length + " bytes, the file only " + rest + " more");
      readJson(text(bytes.asSlice(LENGTH_BYTES, length)));
      return new SafetensorsHeader(ordered(rest - length), Map.copyOf(metadata), LENGTH_BYTES + length, fileBytes);
    }

    private String text(MemorySegment header) {
      try {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(header.toArray(ValueLayout.JAVA_BYTE))).toString();
      } catch (CharacterCodingException e) {
        throw broken("the header is not UTF-8");
      }
    }

    private void readJson(String text) {
      if (!text.startsWith("{")) throw broken("the header does not begin with '{'");
      try (var json = new JsonReader(new StringReader(text))) {
        json.setStrictness(Strictness.STRICT);
        json.setNestingLimit(16);
        json.beginObject();
        while (json.hasNext()) {
          var name = json.nextName();
          if (name.equals(METADATA)) readMetadata(json);
          else if (entries.put(name, readEntry(name, json)) != null) throw broken("there are two tensors '" + name + "'");
        }
        json.endObject();
        if (json.peek() != JsonToken.END_DOCUMENT) throw broken("something follows the header's JSON");
      } catch (IOException | IllegalStateException | NumberFormatException e) {
        throw new CheckpointException(file + ": not a valid safetensors file: the header is not the JSON that was expected: "
            + String.valueOf(e.getMessage()).lines().findFirst().orElse(""), e);
      }
    }

    private void readMetadata(JsonReader json) throws IOException {
      if (metadataSeen) throw broken("there are two " + METADATA);
      metadataSeen = true;
      json.beginObject();
      while (json.hasNext()) {
        var key = json.nextName();
        if (json.peek() != JsonToken.STRING) throw broken(METADATA + " '" + key + "' is not a string");
        if (metadata.put(key, json.nextString()) != null) throw broken("there are two " + METADATA + " '" + key + "'");
      }
      json.endObject();
    }

    private Entry readEntry(String name, JsonReader json) throws IOException {
      DType dtype = null;
      List<Long> shape = null, offsets = null;
      json.beginObject();
      while (json.hasNext()) {
        var key = json.nextName();
        switch (key) {
          case "dtype" -> {
            if (dtype != null) throw broken("tensor '" + name + "' has two dtypes");
            dtype = dtype(name, json.nextString());
          }
          case "shape" -> {
            if (shape != null) throw broken("tensor '" + name + "' has two shapes");
            shape = numbers(name, "shape", json);
          }
          case "data_offsets" -> {
            if (offsets != null) throw broken("tensor '" + name + "' has two data_offsets");
            offsets = numbers(name, "data_offsets", json);
          }
          default -> throw broken("tensor '" + name + "' has an unknown entry '" + key + "'");
        }
      }
      json.endObject();
      if (dtype == null || shape == null || offsets == null)
        throw broken("tensor '" + name + "' has no " + (dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets"));
      if (offsets.size() != 2) throw broken("tensor '" + name + "': expected 2 data_offsets, got " + offsets);
      return new Entry(name, dtype, shape, offsets.get(0), offsets.get(1));
    }

    private DType dtype(String name, String dtype) {
      try {
        return DType.valueOf(dtype);
      } catch (IllegalArgumentException e) {
        throw broken("tensor '" + name + "': expected a dtype of " + List.of(DType.values()) + ", got " + dtype);
      }
    }

    private List<Long> numbers(String name, String what, JsonReader json) throws IOException {
      var numbers = new ArrayList<Long>();
      json.beginArray();
      while (json.hasNext()) {
        if (json.peek() != JsonToken.NUMBER) throw broken("tensor '" + name + "': " + what + " holds something that is no number");
        var number = json.nextString();
        if (!number.matches("[0-9]{1,18}")) throw broken("tensor '" + name + "': " + what + " holds " + number);
        numbers.add(Long.parseLong(number));
      }
      json.endArray();
      return List.copyOf(numbers);
    }

    /// @param bytes size of the tensors' part of the file
    private List<Entry> ordered(long bytes) {
      var ordered = new ArrayList<>(entries.values());
      ordered.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
      long end = 0;
      for (var entry : ordered) {
        if (entry.begin < end) throw broken("tensor '" + entry.name + "' overlaps the one before it at byte " + entry.begin);
        if (entry.begin > end) throw broken("there is a hole of " + (entry.begin - end) + " bytes before tensor '" + entry.name
            + "'");
        if (entry.end < entry.begin) throw broken("tensor '" + entry.name + "' ends at byte " + entry.end + ", before its begin "
            + entry.begin);
        long size = size(entry);
        if (entry.end - entry.begin != size)
          throw broken("tensor '" + entry.name + "': " + entry.shape + " " + entry.dtype + " needs " + size
              + " bytes, data_offsets give " + (entry.end - entry.begin));
        if (entry.end > bytes)
          throw broken("tensor '" + entry.name + "' ends at byte " + entry.end + " of " + bytes + "; is the file truncated?");
        end = entry.end;
      }
      if (end != bytes) throw broken((bytes - end) + " bytes follow the last tensor");
      return List.copyOf(ordered);
    }

    private long size(Entry entry) {
      try {
        // Counted in bytes if possible, so that sizes up to 2^63 bytes can be reported.
        int bits = entry.dtype.bits();
        boolean whole = bits % Byte.SIZE == 0;
        long size = whole ? bits / Byte.SIZE : bits;
        for (long d : entry.shape) size = Math.multiplyExact(size, d);
        if (!whole && size % Byte.SIZE != 0)
          throw broken("tensor '" + entry.name + "': " + entry.shape + " " + entry.dtype + " are " + size
              + " bits, no whole bytes");
        return whole ? size : size / Byte.SIZE;
      } catch (ArithmeticException e) {
        throw broken("tensor '" + entry.name + "': the size of " + entry.shape + " does not fit in 64 bits");
      }
    }
  }
}
