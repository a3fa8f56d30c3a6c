package dev.fovea.engine.checkpoint;

import com.google.common.hash.Hashing;
import dev.fovea.engine.tensor.CancelledException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.LongConsumer;

/// SHA-256 of files (FIPS 180-4), in lower-case hexadecimal.
public final class Sha256 {
  /// Number of digits of a hash.
  public static final int LENGTH = 64;
  private static final int CHUNK = 1 << 20;

  private Sha256() {}

  /// The hash of a file.
  ///
  /// @throws CheckpointException if the file cannot be read
  /// @throws CancelledException if the thread is interrupted
  public static String of(Path file) {
    return of(file, _ -> {});
  }

  /// The hash of a file.
  ///
  /// @param progress receives the number of bytes read so far
  /// @throws CheckpointException if the file cannot be read
  /// @throws CancelledException if the thread is interrupted
  public static String of(Path file, LongConsumer progress) {
    Objects.requireNonNull(file, "file");
    Objects.requireNonNull(progress, "progress");
    var hasher = Hashing.sha256().newHasher();
    var chunk = ByteBuffer.allocate(CHUNK);
    try (var channel = FileChannel.open(file)) {
      while (channel.read(chunk.clear()) >= 0) {
        hasher.putBytes(chunk.flip());
        progress.accept(channel.position());
      }
    } catch (IOException e) {
      WholeFile.requireUninterrupted(file.toString(), e);
      throw new CheckpointException(file + ": cannot be read: " + WholeFile.reason(e), e);
    }
    return hasher.hash().toString();
  }
}
