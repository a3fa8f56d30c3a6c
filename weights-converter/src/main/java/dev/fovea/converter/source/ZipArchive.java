package dev.fovea.converter.source;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static java.nio.file.StandardOpenOption.DELETE_ON_CLOSE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter.Sink;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/// A mapped zip file, with ZIP64 (ref: PKWARE, APPNOTE.TXT). Stored entries are views of the file; deflated ones are unpacked on
/// request. Entry names are never used as file names.
final class ZipArchive {
  private static final ValueLayout.OfShort U16 = JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfInt U32 = JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 = JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final int LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50, END64 = 0x06064b50, LOCATOR64 = 0x07064b50;
  private static final int LOCAL_BYTES = 30, CENTRAL_BYTES = 46, END_BYTES = 22, LOCATOR64_BYTES = 20, END64_BYTES = 56;
  private static final int MAX_COMMENT = 0xffff;
  private static final long IN_EXTRA = 0xffff_ffffL;
  private static final int STORED = 0, DEFLATED = 8, ENCRYPTED = 1;
  /// Largest total size of unpacked entries: this, or the multiple of the file that no weights exceed.
  private static final long MAX_UNPACKED = 64 << 20;
  private static final int MAX_RATIO = 20;
  /// Largest part of it that is held in memory.
  private static final long MAX_IN_MEMORY = 2 << 20;
  private static final int BLOCK = 1 << 20;

  private final MappedFile file;
  private final MemorySegment bytes;
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private long unpacked;
  private long inMemory;

  /// @param data the entry's bytes as they are in the file
  private record Entry(String name, int method, long size, long local, MemorySegment data) {
    private long end(MemorySegment file) {
      return data.address() - file.address() + data.byteSize();
    }
  }

  /// @throws CheckpointException if the zip file is incomplete, or entries overlap or have duplicate or unsafe names
  ZipArchive(MappedFile file) {
    this.file = file;
    bytes = file.bytes();
    readDirectory();
    requireApart();
  }

  /// Whether a file begins like a zip file.
  static boolean isZip(MemorySegment bytes) {
    return bytes.byteSize() >= 4 && bytes.get(U32, 0) == LOCAL;
  }

  private CheckpointException broken(String why) {
    return new CheckpointException(file.path() + ": not a valid zip file: " + why.replaceAll("\\p{Cntrl}", "?"));
  }

  private long u16(long at) {
    requireInside(at, 2);
    return bytes.get(U16, at) & 0xffff;
  }

  private long u32(long at) {
    requireInside(at, 4);
    return bytes.get(U32, at) & IN_EXTRA;
  }

  private long u64(long at) {
    requireInside(at, 8);
    return bytes.get(U64, at);
  }

  private void requireInside(long at, long n) {
    if (at < 0 || n < 0 || n > bytes.byteSize() || at > bytes.byteSize() - n)
      throw broken("expected " + Long.toUnsignedString(n) + " bytes at " + Long.toUnsignedString(at) + " of " + bytes.byteSize()
          + "; is the file truncated?");
  }

  private void readDirectory() {
    long end = findEnd();
    long count = u16(end + 10), size = u32(end + 12), at = u32(end + 16);
    long locator = end - LOCATOR64_BYTES;
    if (locator >= 0 && u32(locator) == LOCATOR64) {
      long end64 = u64(locator + 8);
      requireInside(end64, END64_BYTES);
      if (u32(end64) != END64) throw broken("its 64-bit directory is missing");
      count = u64(end64 + 32);
      size = u64(end64 + 40);
      at = u64(end64 + 48);
    }
    requireInside(at, size);
    if (count < 0 || count > size / CENTRAL_BYTES)
      throw broken("a directory of " + size + " bytes cannot have " + Long.toUnsignedString(count) + " entries");
    long to = at + size;
    for (long i = 0; i < count; i++) at = readEntry(at, to);
    if (at != to) throw broken("expected a directory of " + count + " entries, got more");
  }

  private long findEnd() {
    for (long at = bytes.byteSize() - END_BYTES; at >= Math.max(0, bytes.byteSize() - END_BYTES - MAX_COMMENT); at--)
      if (bytes.get(U32, at) == END && at + END_BYTES + u16(at + 20) == bytes.byteSize()) return at;
    throw broken("it has no directory; is the file truncated?");
  }

  /// @return where the next entry of the directory begins
  private long readEntry(long at, long to) {
    requireInside(at, CENTRAL_BYTES);
    if (u32(at) != CENTRAL) throw broken("expected an entry of the directory at byte " + at);
    long nameLength = u16(at + 28), extraLength = u16(at + 30), next = at + CENTRAL_BYTES + nameLength + extraLength
        + u16(at + 32);
    if (next > to) throw broken("the entry at byte " + at + " is longer than the directory");
    var name = text(at + CENTRAL_BYTES, nameLength);
    if (name.startsWith("/") || name.contains("\\") || name.contains(":") || List.of(name.split("/")).contains(".."))
      throw broken("the entry '" + name + "' leads out of the file");
    long[] sizes = {u32(at + 24), u32(at + 20), u32(at + 42)};   // Unpacked, packed, offset.
    widen(sizes, at + CENTRAL_BYTES + nameLength, extraLength);
    int method = (int) u16(at + 10);
    if ((u16(at + 8) & ENCRYPTED) != 0) throw broken("the entry '" + name + "' is encrypted");
    if (method != STORED && method != DEFLATED)
      throw broken("the entry '" + name + "': expected to be stored or deflated, got method " + method);
    if (sizes[0] < 0 || method == STORED && sizes[0] != sizes[1])
      throw broken("the entry '" + name + "' contradicts itself about its size");
    var entry = new Entry(name, method, sizes[0], sizes[2], data(name, sizes[2], sizes[1]));
    if (entries.put(name, entry) != null) throw broken("there are two entries '" + name + "'");
    return next;
  }

  private String text(long at, long length) {
    return new String(bytes.asSlice(at, length).toArray(JAVA_BYTE), StandardCharsets.UTF_8);
  }

  /// Replaces numbers that do not fit in the directory by their 64-bit values.
  private void widen(long[] sizes, long extra, long length) {
    for (long at = extra; at + 4 <= extra + length; at += 4 + u16(at + 2)) {
      if (u16(at) != 1) continue;
      long field = at + 4, end = Math.min(field + u16(at + 2), extra + length);
      for (int i = 0; i < sizes.length; i++)
        if (sizes[i] == IN_EXTRA && field + 8 <= end) {
          sizes[i] = u64(field);
          field += 8;
        }
    }
  }

  private MemorySegment data(String name, long local, long packed) {
    requireInside(local, LOCAL_BYTES);
    if (u32(local) != LOCAL) throw broken("the entry '" + name + "' is not at byte " + local);
    long nameLength = u16(local + 26);
    requireInside(local + LOCAL_BYTES, nameLength);
    if (!text(local + LOCAL_BYTES, nameLength).equals(name))
      throw broken("the entry '" + name + "' has another name at byte " + local);
    long at = local + LOCAL_BYTES + nameLength + u16(local + 28);
    requireInside(at, packed);
    return bytes.asSlice(at, packed);
  }

  private void requireApart() {
    var ordered = new ArrayList<>(entries.values());
    ordered.sort(Comparator.comparingLong(Entry::local));
    for (int i = 1; i < ordered.size(); i++)
      if (ordered.get(i).local < ordered.get(i - 1).end(bytes))
        throw broken("the entries '" + ordered.get(i - 1).name + "' and '" + ordered.get(i).name + "' overlap");
  }

  /// Names of the entries, without folders.
  List<String> names() {
    return entries.keySet().stream().filter(name -> !name.endsWith("/")).toList();
  }

  boolean has(String name) {
    return entries.containsKey(name);
  }

  /// An entry's bytes.
  ///
  /// @throws CheckpointException if it is damaged, or unpacked entries exceed the limit
  MemorySegment bytes(String name) {
    var entry = entries.get(name);
    if (entry == null) throw new CheckpointException(file.path() + ": the entry '" + name + "' is missing");
    return entry.method == STORED ? entry.data : unpack(entry);
  }

  private MemorySegment unpack(Entry entry) {
    long limit = Math.max(MAX_UNPACKED, MAX_RATIO * bytes.byteSize());
    if (entry.size > limit - unpacked)
      throw broken("the entry '" + entry.name + "' would become " + entry.size + " bytes, and more than " + limit
          + " are not unpacked");
    unpacked += entry.size;
    return entry.size <= MAX_IN_MEMORY - inMemory ? unpackInMemory(entry) : unpackInFile(entry);
  }

  private MemorySegment unpackInMemory(Entry entry) {
    inMemory += entry.size;
    var out = file.arena().allocate(entry.size, 64);
    var rest = out.asByteBuffer();
    try {
      inflate(entry, rest::put);
    } catch (IOException e) {
      throw new AssertionError("memory can be written", e);
    }
    return out;
  }

  /// Unpacks a large entry into a mapped file, already deleted when this returns, so that it need not stay in memory.
  private MemorySegment unpackInFile(Entry entry) {
    try (var channel = FileChannel.open(Files.createTempFile("fovea-", ".unpacked"), READ, WRITE, DELETE_ON_CLOSE)) {
      inflate(entry, bytes -> WholeFile.writeFully(channel, bytes));
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, entry.size, file.arena());
    } catch (IOException e) {
      throw new CheckpointException(file.path() + ": the entry '" + entry.name + "' cannot be unpacked in "
          + System.getProperty("java.io.tmpdir") + ": " + WholeFile.reason(e), e);
    }
  }

  private void inflate(Entry entry, Sink sink) throws IOException {
    var inflater = new Inflater(true);
    // One byte beyond the end detects more data than announced.
    var block = ByteBuffer.allocate((int) Math.min(BLOCK, entry.size + 1));
    try {
      long from = 0, to = 0;
      while (!inflater.finished()) {
        if (inflater.needsInput()) {
          long n = Math.min(BLOCK, entry.data.byteSize() - from);
          if (n == 0) throw broken("the entry '" + entry.name + "' is cut off");
          inflater.setInput(entry.data.asSlice(from, n).asByteBuffer());
          from += n;
        }
        int n = inflater.inflate(block.clear());
        to += n;
        if (to > entry.size || n == 0 && inflater.needsDictionary())
          throw broken("the entry '" + entry.name + "': expected " + entry.size + " bytes, got more");
        sink.write(block.flip());
      }
      if (to != entry.size) throw broken("the entry '" + entry.name + "': expected " + entry.size + " bytes, got " + to);
    } catch (DataFormatException e) {
      throw broken("the entry '" + entry.name + "' is damaged");
    } finally {
      inflater.end();
    }
  }
}
