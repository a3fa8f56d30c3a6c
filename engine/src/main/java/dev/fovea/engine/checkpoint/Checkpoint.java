package dev.fovea.engine.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// An open safetensors file: named tensors in memory or in the mapped file ([Residency]), and metadata.
///
/// Thread-safe. Using a tensor after [#close()] throws [IllegalStateException].
public final class Checkpoint implements AutoCloseable {
  private final String name;
  private final @Nullable Path path;
  private final Residency residency;
  private final @Nullable Object fileKey;
  private final Arena arena;
  private final long size;
  private final Map<String, StoredTensor> tensors;
  private final Map<String, String> metadata;

  /// @param fileKey distinguishes the mapped file from one that replaces it at its path; null if the system has no file keys
  private Checkpoint(String name, @Nullable Path path, Residency residency, @Nullable Object fileKey, Arena arena,
      SafetensorsHeader header, Function<SafetensorsHeader.Entry, MemorySegment> memory) {
    this.name = name;
    this.path = path;
    this.residency = residency;
    this.fileKey = fileKey;
    this.arena = arena;
    size = header.end();
    tensors = header.tensors(memory);
    metadata = header.metadata();
  }

  /// Maps a file. Opening reads only the header.
  ///
  /// @throws CheckpointException if there is no such file, it cannot be read, or it breaks a rule of the format
  public static Checkpoint open(Path path) {
    return open(path, Residency.MAPPED);
  }

  /// Opens a file.
  ///
  /// @throws CheckpointException if there is no such file, it cannot be read, it breaks a rule of the format, or it is loaded and
  ///   does not fit in memory
  public static Checkpoint open(Path path, Residency residency) {
    return open(path, path.toString(), residency);
  }

  /// Opens a file.
  ///
  /// @param name name of the file in error messages
  /// @throws CheckpointException if there is no such file, it cannot be read, it breaks a rule of the format, or it is loaded and
  ///   does not fit in memory
  public static Checkpoint open(Path path, String name, Residency residency) {
    if (Files.isDirectory(path)) throw new CheckpointException(name + ": expected a safetensors file, got a directory");
    var arena = Arena.ofShared();
    try (var channel = FileChannel.open(path)) {
      return switch (residency) {
        case LOADED -> load(channel, path, name, arena);
        case MAPPED -> map(channel, path, name, arena);
      };
    } catch (NoSuchFileException e) {
      arena.close();
      throw new CheckpointException(name + ": no such file", e);
    } catch (IOException e) {
      arena.close();
      throw new CheckpointException(name + ": cannot be read: " + WholeFile.reason(e), e);
    } catch (InternalError e) {
      arena.close();
      throw new CheckpointException(name + ": was truncated while it was being opened", e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private static Checkpoint map(FileChannel channel, Path path, String name, Arena arena) throws IOException {
    var file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    var header = SafetensorsHeader.parse(name, file, file.byteSize());
    return new Checkpoint(name, path, Residency.MAPPED, attributes(path).fileKey(), arena, header, header.in(file));
  }

  private static BasicFileAttributes attributes(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class);
  }

  private static Checkpoint load(FileChannel channel, Path path, String name, Arena arena) throws IOException {
    var header = SafetensorsHeader.read(name, channel);
    var memory = new LoadedTensors(name, channel, header, arena).read();
    return new Checkpoint(name, path, Residency.LOADED, null, arena, header, entry -> memory.get(entry.name()));
  }

  /// Reads a file from memory, such as a resource.
  ///
  /// @param name name of the file in error messages
  /// @throws CheckpointException if the bytes break a rule of the format
  public static Checkpoint read(String name, byte[] bytes) {
    var arena = Arena.ofShared();
    try {
      var file = arena.allocate(bytes.length, 64);
      MemorySegment.copy(MemorySegment.ofArray(bytes), 0, file, 0, bytes.length);
      var header = SafetensorsHeader.parse(name, file, bytes.length);
      return new Checkpoint(name, null, Residency.LOADED, null, arena, header, header.in(file.asReadOnly()));
    } catch (RuntimeException e) {
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

  /// The tensors by name, in file order.
  public Map<String, StoredTensor> tensors() {
    return tensors;
  }

  /// The tensor called `tensor`.
  ///
  /// @throws CheckpointException if there is none
  public StoredTensor tensor(String tensor) {
    var found = tensors.get(tensor);
    if (found == null) throw new CheckpointException(name + ": there is no tensor '" + tensor + "'");
    return found;
  }

  /// The header's `__metadata__`; empty if it has none.
  public Map<String, String> metadata() {
    return metadata;
  }

  /// Runs `reader`, which reads tensors, and reports it if another program truncates the mapped file meanwhile. Changes to a loaded
  /// file, or to a file that replaced the mapped one, do no harm.
  ///
  /// @throws CheckpointException if the mapped file has become shorter
  public <T> T reading(Supplier<T> reader) {
    checkLength(null);
    try {
      return reader.get();
    } catch (InternalError e) {
      checkLength(e);
      throw e;
    }
  }

  private void checkLength(@Nullable InternalError cause) {
    if (residency == Residency.LOADED) return;
    try {
      var now = attributes(path);
      if (now.size() < size && Objects.equals(now.fileKey(), fileKey))
        throw new CheckpointException(name + ": was truncated while in use: expected " + size + " bytes, got " + now.size(), cause);
    } catch (IOException e) {
      // A deleted or moved file stays mapped in full: its memory is intact.
    }
  }

  /// Frees the memory, or unmaps the file; closing twice is harmless.
  @Override
  public void close() {
    if (arena.scope().isAlive()) arena.close();
  }
}
