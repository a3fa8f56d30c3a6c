package dev.fovea.engine.checkpoint;

import dev.fovea.engine.tensor.CancelledException;
import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// An open safetensors file: named tensors in memory or in the mapped file ([Residency]), and metadata.
///
/// A mapped file stays open until [#close()], so that another file may take its place by a rename.
///
/// Thread-safe. Whoever opens it closes it, unless it is given to something that says otherwise. Tensors are views of its memory:
/// using one after [#close()] throws [IllegalStateException], also in a thread that is using it meanwhile. Name, size, metadata and
/// the shapes of tensors can still be asked.
public final class Checkpoint implements AutoCloseable {
  private final String name;
  private final @Nullable Path path;
  private final Residency residency;
  /// The mapped file; null if it is in memory.
  private final @Nullable RandomAccessFile mapped;
  private final Arena arena;
  private final long size;
  private final Map<String, StoredTensor> tensors;
  private final Map<String, String> metadata;
  private final AtomicBoolean closed = new AtomicBoolean();

  private Checkpoint(String name, @Nullable Path path, Residency residency, @Nullable RandomAccessFile mapped, Arena arena,
      SafetensorsHeader header, Function<SafetensorsHeader.Entry, MemorySegment> memory) {
    this.name = name;
    this.path = path;
    this.residency = residency;
    this.mapped = mapped;
    this.arena = arena;
    size = header.end();
    tensors = header.tensors(memory);
    metadata = header.metadata();
  }

  /// Maps a file. Opening reads only the header.
  ///
  /// @throws CheckpointException if there is no such file, it cannot be read, or it breaks a rule of the format
  /// @throws CancelledException if the thread is interrupted
  public static Checkpoint open(Path path) {
    return open(path, Residency.MAPPED);
  }

  /// Opens a file.
  ///
  /// @throws CheckpointException if there is no such file, it cannot be read, it breaks a rule of the format, or it is loaded and
  ///   does not fit in memory
  /// @throws CancelledException if the thread is interrupted
  public static Checkpoint open(Path path, Residency residency) {
    return open(path, path.toString(), residency);
  }

  /// Opens a file.
  ///
  /// @param name name of the file in error messages
  /// @throws CheckpointException if there is no such file, it cannot be read, it breaks a rule of the format, or it is loaded and
  ///   does not fit in memory
  /// @throws CancelledException if the thread is interrupted
  public static Checkpoint open(Path path, String name, Residency residency) {
    Objects.requireNonNull(path, "path");
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(residency, "residency");
    if (Files.isDirectory(path)) throw new CheckpointException(name + ": expected a safetensors file, got a directory");
    var arena = Arena.ofShared();
    try {
      return switch (residency) {
        case LOADED -> load(path, name, arena);
        case MAPPED -> map(path, name, arena);
      };
    } catch (Throwable e) {
      arena.close();
      throw switch (e) {
        case NoSuchFileException _ -> new CheckpointException(name + ": no such file", e);
        case IOException failure -> {
          WholeFile.requireUninterrupted(name, failure);
          yield new CheckpointException(name + ": cannot be read: " + WholeFile.reason(failure), e);
        }
        case UnsupportedOperationException _ ->
            new CheckpointException(name + ": cannot be mapped from its file system; Residency.LOADED reads it", e);
        case InternalError _ -> new CheckpointException(name + ": was truncated while it was being opened", e);
        case RuntimeException failure -> failure;
        case Error error -> throw error;
        case Throwable other -> new IllegalStateException(other);
      };
    }
  }

  private static Checkpoint map(Path path, String name, Arena arena) throws IOException {
    var opened = opened(path);
    try {
      var channel = opened.getChannel();
      var file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      var header = SafetensorsHeader.parse(name, file, file.byteSize());
      return new Checkpoint(name, path, Residency.MAPPED, opened, arena, header, header.in(file));
    } catch (Throwable e) {
      closeQuietly(opened);
      throw e;
    }
  }

  /// Opens a file for [#checkLength]. A channel would not do: the first thread that asks it while interrupted closes it for all.
  private static RandomAccessFile opened(Path path) throws IOException {
    try {
      return new RandomAccessFile(path.toFile(), "r");
    } catch (FileNotFoundException e) {
      // Its reason is a text only; a channel's is an exception of its own kind.
      FileChannel.open(path).close();
      throw e;
    }
  }

  private static void closeQuietly(Closeable file) {
    try {
      file.close();
    } catch (IOException _) {
      // It was only read.
    }
  }

  private static Checkpoint load(Path path, String name, Arena arena) throws IOException {
    try (var channel = FileChannel.open(path)) {
      var header = SafetensorsHeader.read(name, channel);
      var memory = new LoadedTensors(name, channel, header, arena).read();
      return new Checkpoint(name, path, Residency.LOADED, null, arena, header, entry -> memory.get(entry.name()));
    }
  }

  /// Reads a file from memory, such as a resource. The bytes are copied.
  ///
  /// @param name name of the file in error messages
  /// @throws CheckpointException if the bytes break a rule of the format
  public static Checkpoint read(String name, byte[] bytes) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(bytes, "bytes");
    var arena = Arena.ofShared();
    try {
      var file = arena.allocate(bytes.length, 64);
      MemorySegment.copy(MemorySegment.ofArray(bytes), 0, file, 0, bytes.length);
      var header = SafetensorsHeader.parse(name, file, bytes.length);
      return new Checkpoint(name, null, Residency.LOADED, null, arena, header, header.in(file.asReadOnly()));
    } catch (Throwable e) {
      arena.close();
      throw e;
    }
  }

  /// The name in error messages: the path if no other was given.
  public String name() {
    return name;
  }

  /// The opened file; null if it was read from memory.
  public @Nullable Path path() {
    return path;
  }

  /// Where the tensors reside.
  public Residency residency() {
    return residency;
  }

  /// Size of the file in bytes.
  public long size() {
    return size;
  }

  /// The tensors by name, in file order, unmodifiable.
  public Map<String, StoredTensor> tensors() {
    return tensors;
  }

  /// The tensor called `tensor`.
  ///
  /// @throws CheckpointException if there is none
  public StoredTensor tensor(String tensor) {
    var found = tensors.get(Objects.requireNonNull(tensor, "tensor"));
    if (found == null) throw new CheckpointException(name + ": there is no tensor '" + tensor + "'");
    return found;
  }

  /// The header's `__metadata__`; empty if it has none.
  public Map<String, String> metadata() {
    return metadata;
  }

  /// Runs `reader` on the calling thread, which reads tensors, and reports it if another program truncates the mapped file
  /// meanwhile, under whatever name it has by then. Changes to a loaded file, or to a file that replaced the mapped one, do no
  /// harm. Without it, reading a truncated file throws an [InternalError]. It costs a question to the system about the file's
  /// length.
  ///
  /// @return what `reader` returns
  /// @throws CheckpointException if the mapped file has become shorter
  public <T> T reading(Supplier<T> reader) {
    Objects.requireNonNull(reader, "reader");
    checkLength(null);
    try {
      return reader.get();
    } catch (InternalError e) {
      checkLength(e);
      throw e;
    }
  }

  private void checkLength(@Nullable InternalError cause) {
    if (mapped == null) return;
    try {
      long now = mapped.length();
      if (now < size)
        throw new CheckpointException(name + ": was truncated while in use: expected " + size + " bytes, got " + now, cause);
    } catch (IOException _) {
      // It was closed meanwhile, and using a tensor says so, or its file system is gone.
    }
  }

  /// Frees the memory, or unmaps and closes the file; closing twice is harmless, also at once.
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) return;
    if (mapped != null) closeQuietly(mapped);
    arena.close();
  }
}
