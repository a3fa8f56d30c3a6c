package dev.fovea.converter.source;

import dev.fovea.engine.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.function.Supplier;

/// An open file whose tensors are views of it.
sealed interface OpenFile extends AutoCloseable permits OpenFile.Safetensors, MappedFile {
  /// Its path.
  Path path();

  /// Runs `reader`, which reads the file.
  ///
  /// @throws dev.fovea.engine.checkpoint.CheckpointException if the file was truncated
  <T> T reading(Supplier<T> reader);

  /// Closing twice is harmless.
  @Override
  void close();

  /// A file in the engine's own format.
  record Safetensors(Path path, Checkpoint checkpoint) implements OpenFile {
    @Override
    public <T> T reading(Supplier<T> reader) {
      return checkpoint.reading(reader);
    }

    @Override
    public void close() {
      checkpoint.close();
    }
  }
}
