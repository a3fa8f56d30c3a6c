package dev.fovea.engine.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/// SHA-256 (FIPS 180-4), in lower-case hexadecimal.
public final class Sha256 {
  /// Number of digits of a hash.
  public static final int LENGTH = 64;
  private static final int CHUNK = 1 << 20;

  private Sha256() {}

  /// A new digest.
  public static MessageDigest begin() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }

  /// The hash of the bytes so far; resets the digest.
  public static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }

  /// The hash of a text in UTF-8.
  public static String ofText(String text) {
    var digest = begin();
    digest.update(text.getBytes(StandardCharsets.UTF_8));
    return hex(digest);
  }

  /// The hash of a file.
  ///
  /// @throws CheckpointException if the file cannot be read, or the thread is interrupted
  public static String of(Path file) {
    return of(file, _ -> {});
  }

  /// The hash of a file.
  ///
  /// @param progress receives the number of bytes read so far
  /// @throws CheckpointException if the file cannot be read, or the thread is interrupted
  public static String of(Path file, LongConsumer progress) {
    var digest = begin();
    var chunk = ByteBuffer.allocate(CHUNK);
    try (var channel = FileChannel.open(file)) {
      while (channel.read(chunk.clear()) >= 0) {
        digest.update(chunk.flip());
        progress.accept(channel.position());
      }
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be read: " + WholeFile.reason(e), e);
    }
    return hex(digest);
  }
}
