package dev.fovea.converter.source;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// A mapped file and its unpacked entries, valid until it is closed.
record MappedFile(Path path, Arena arena, MemorySegment bytes) implements OpenFile {
  /// @throws CheckpointException if there is no such file, or it cannot be read
  static MappedFile open(Path path) {
    if (Files.isDirectory(path)) throw new CheckpointException(path + ": expected a file, got a directory");
    var arena = Arena.ofShared();
    try (var channel = FileChannel.open(path)) {
      return new MappedFile(path, arena, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
    } catch (IOException e) {
      arena.close();
      throw new CheckpointException(path + (e instanceof NoSuchFileException ? ": no such file" : ": cannot be read: "
          + e.getMessage()), e);
    }
  }

  @Override
  public <T> T reading(Supplier<T> reader) {
    requireWhole(null);
    try {
      return reader.get();
    } catch (InternalError e) {
      requireWhole(e);
      throw e;
    }
  }

  /// @param cause the error of reading bytes that the file has lost; null before reading
  private void requireWhole(@Nullable InternalError cause) {
    try {
      long now = Files.size(path);
      if (now < bytes.byteSize())
        throw new CheckpointException(path + ": was truncated while in use: expected " + bytes.byteSize() + " bytes, got " + now,
            cause);
    } catch (IOException e) {
      // A deleted or moved file stays mapped as a whole: the memory is valid.
    }
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) arena.close();
  }
}
