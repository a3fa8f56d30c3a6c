package dev.fovea.engine.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// An open safetensors file: named tensors over mapped memory, and metadata.
///
/// Opening reads the header alone; tensors are views of the mapped file. They may be used by any number of threads, until
/// [#close()]; using one later throws [IllegalStateException].
public final class Checkpoint implements AutoCloseable {
  private final String name;
  private final @Nullable Path path;
  private final Arena arena;
  private final long size;
  private final Map<String, StoredTensor> tensors;
  private final Map<String, String> metadata;

  private Checkpoint(String name, @Nullable Path path, Arena arena, MemorySegment file) {
    this.name = name;
    this.path = path;
    this.arena = arena;
    size = file.byteSize();
    var header = SafetensorsHeader.parse(name, file);
    tensors = header.tensors();
    metadata = header.metadata();
  }

  /// Maps a file.
  ///
  /// @throws CheckpointException if there is no such file, it cannot be read, or it breaks a rule of the format
  public static Checkpoint open(Path path) {
    return open(path, path.toString());
  }

  /// Maps a file.
  ///
  /// @param name what error messages call it
  /// @throws CheckpointException if there is no such file, it cannot be read, or it breaks a rule of the format
  public static Checkpoint open(Path path, String name) {
    if (Files.isDirectory(path)) throw new CheckpointException(name + ": expected a safetensors file, got a directory");
    var arena = Arena.ofShared();
    try (var channel = FileChannel.open(path)) {
      var file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new Checkpoint(name, path, arena, file);
    } catch (NoSuchFileException e) {
      arena.close();
      throw new CheckpointException(name + ": no such file", e);
    } catch (IOException e) {
      arena.close();
      throw new CheckpointException(name + ": cannot be read: " + e.getMessage(), e);
    } catch (InternalError e) {
      arena.close();
      throw new CheckpointException(name + ": was truncated while it was being opened", e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /// Reads a file that is in memory, such as a resource.
  ///
  /// @param name what error messages call it
  /// @throws CheckpointException if the bytes break a rule of the format
  public static Checkpoint read(String name, byte[] bytes) {
    var arena = Arena.ofShared();
    try {
      var file = arena.allocate(bytes.length, 64);
      MemorySegment.copy(MemorySegment.ofArray(bytes), 0, file, 0, bytes.length);
      return new Checkpoint(name, null, arena, file.asReadOnly());
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /// The path that was opened, or the name that was given.
  public String name() {
    return name;
  }

  /// The file that is mapped; null for one in memory.
  public @Nullable Path path() {
    return path;
  }

  /// Bytes of the file.
  public long size() {
    return size;
  }

  /// The tensors by name, in the order of the file's bytes.
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

  /// The header's `__metadata__`, empty where there is none.
  public Map<String, String> metadata() {
    return metadata;
  }

  /// Runs what reads the mapped tensors, and says clearly when another program truncates the file meanwhile.
  ///
  /// @throws CheckpointException if the file has become shorter
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
    if (path == null) return;
    try {
      long now = Files.size(path);
      if (now < size) throw new CheckpointException(name + ": was truncated while in use: expected " + size + " bytes, got " + now, cause);
    } catch (IOException e) {
      // A file that was deleted or moved stays mapped whole: nothing is wrong with the memory.
    }
  }

  /// Unmaps the file; closing twice is harmless.
  @Override
  public void close() {
    if (arena.scope().isAlive()) arena.close();
  }
}
