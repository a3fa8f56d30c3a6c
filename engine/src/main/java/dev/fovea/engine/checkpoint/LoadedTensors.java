package dev.fovea.engine.checkpoint;

import com.sun.management.OperatingSystemMXBean;
import dev.fovea.engine.checkpoint.SafetensorsHeader.Entry;
import dev.fovea.kernels.Workers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jetbrains.annotations.Nullable;

/// Reads a file's tensors into native memory on all processors, because most of the time goes into the first use of new memory.
final class LoadedTensors {
  private static final long ALIGNMENT = 64;
  /// Bytes of adjacent tensors that are allocated together. `malloc` returns allocations of 32 MiB and more to the system when they
  /// are freed.
  private static final long PIECE = 32 << 20;
  /// Bytes of one read; a buffer holds fewer than 2³¹.
  private static final long CHUNK = 1 << 30;

  private final String name;
  private final FileChannel channel;
  private final SafetensorsHeader header;
  private final Arena arena;

  /// @param name name of the file in error messages
  /// @param arena owns the tensors' memory
  LoadedTensors(String name, FileChannel channel, SafetensorsHeader header, Arena arena) {
    this.name = name;
    this.channel = channel;
    this.header = header;
    this.arena = arena;
  }

  /// The bytes of every tensor, by name, each 64-byte-aligned.
  ///
  /// @throws CheckpointException if the file has become shorter than its header says, or there is not enough memory
  Map<String, MemorySegment> read() throws IOException {
    long bytes = header.end();
    // A file that fits in the maximum heap fits in the machine, whose memory takes some milliseconds to query.
    if (bytes > Runtime.getRuntime().maxMemory()) requireRoom(bytes, machineMemory());
    var pieces = pieces();
    var tensors = new ConcurrentHashMap<String, MemorySegment>();
    try (var workers = Workers.threads(Math.clamp(pieces.size(), 1, Runtime.getRuntime().availableProcessors()))) {
      workers.forEach(pieces.size(), i -> read(pieces.get(i), tensors));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (OutOfMemoryError e) {
      throw noRoom(bytes, e.getMessage(), e);
    }
    return tensors;
  }

  /// Checks the size in advance, because most systems overcommit memory and kill the process when it is used.
  ///
  /// @param machine total memory of the machine, or of the container, in bytes
  /// @throws CheckpointException if that is less than `bytes`
  void requireRoom(long bytes, long machine) {
    if (bytes > machine) throw noRoom(bytes, String.format(Locale.ROOT, "got %,d", machine), null);
  }

  private static long machineMemory() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system ? system.getTotalMemorySize()
        : Long.MAX_VALUE;
  }

  private CheckpointException noRoom(long bytes, String why, @Nullable Throwable cause) {
    return new CheckpointException(String.format(Locale.ROOT,
        "%s: expected room for its %,d bytes in memory, %s; --weights mapped, "
        + "in Java Residency.MAPPED, leaves them in the file", name, bytes, why), cause);
  }

  private List<List<Entry>> pieces() {
    var pieces = new ArrayList<List<Entry>>();
    long bytes = PIECE;
    for (var entry : header.entries()) {
      if (bytes >= PIECE) {
        pieces.add(new ArrayList<>());
        bytes = 0;
      }
      pieces.getLast().add(entry);
      bytes += aligned(entry.size());
    }
    return pieces;
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  private void read(List<Entry> piece, Map<String, MemorySegment> tensors) {
    var memory = arena.allocate(piece.stream().mapToLong(entry -> aligned(entry.size())).sum(), ALIGNMENT);
    long at = 0;
    for (var entry : piece) {
      var tensor = memory.asSlice(at, entry.size());
      read(tensor, header.data() + entry.begin());
      tensors.put(entry.name(), tensor.asReadOnly());
      at += aligned(entry.size());
    }
  }

  private void read(MemorySegment tensor, long from) {
    try {
      for (long at = 0; at < tensor.byteSize(); at += CHUNK)
        WholeFile.readFully(name, channel, tensor.asSlice(at, Math.min(CHUNK, tensor.byteSize() - at)).asByteBuffer(), from + at);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
