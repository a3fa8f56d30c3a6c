package dev.fovea.converter.hub;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/// An incomplete download and its running hash: the SHA-256 of large files, git's blob id of others.
final class Partial implements AutoCloseable {
  private static final int CHUNK = 1 << 20;
  private static final int SHA_256_DIGITS = 64;

  private final Path path;
  private final FileChannel channel;
  private final String etag;
  private final long expected;
  private final LongConsumer moved;
  private MessageDigest digest;
  private long size;

  /// Continues an earlier download, or begins one.
  ///
  /// @param expected bytes of the whole
  /// @param moved gets the number of bytes received; negative when they are discarded
  Partial(Path path, String etag, long expected, LongConsumer moved) {
    this.path = path;
    this.etag = etag;
    this.expected = expected;
    this.moved = moved;
    this.digest = begun();
    try {
      channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw HubCache.failed(path, "written", e);
    }
    try {
      takeOver();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private void takeOver() {
    try {
      if (channel.size() > expected) channel.truncate(0);
      var buffer = ByteBuffer.allocate(CHUNK);
      while (channel.read(buffer.clear()) >= 0) {
        digest.update(buffer.flip());
        count(buffer.limit());
      }
    } catch (IOException e) {
      throw HubCache.failed(path, "read", e);
    }
  }

  private MessageDigest begun() {
    try {
      if (etag.length() == SHA_256_DIGITS) return MessageDigest.getInstance("SHA-256");
      var sha1 = MessageDigest.getInstance("SHA-1");
      sha1.update(("blob " + expected + "\0").getBytes(StandardCharsets.UTF_8));
      return sha1;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-1 and SHA-256", e);
    }
  }

  private void count(long bytes) {
    size += bytes;
    moved.accept(bytes);
  }

  long size() {
    return size;
  }

  /// Adds bytes to the end.
  ///
  /// @throws CheckpointException if they cannot be written, or another program has written meanwhile
  void append(ByteBuffer bytes) {
    int length = bytes.remaining();
    digest.update(bytes.duplicate());
    try {
      if (channel.size() != size)
        throw new CheckpointException(path + ": another program writes it too; try again when that has ended");
      WholeFile.writeFully(channel, bytes);
    } catch (IOException e) {
      throw HubCache.failed(path, "written", e);
    }
    count(length);
  }

  /// Discards all bytes received.
  void restart() {
    try {
      channel.truncate(0);
    } catch (IOException e) {
      throw HubCache.failed(path, "written", e);
    }
    digest = begun();
    count(-size);
  }

  /// The hash of the bytes received, after which none may be appended.
  String hash() {
    return HexFormat.of().formatHex(digest.digest());
  }

  /// Forces the bytes received to disk.
  void force() {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw HubCache.failed(path, "written", e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw HubCache.failed(path, "written", e);
    }
  }
}
