package dev.fovea.converter.hub;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Sha256;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.LongConsumer;

/// An incomplete download and its running hash: the SHA-256 of large files, git's blob id of others.
final class Partial implements AutoCloseable {
  private static final int CHUNK = 1 << 20;

  private final Path path;
  private final FileChannel channel;
  private final String etag;
  private final long expected;
  private final LongConsumer moved;
  private Hasher hasher;
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
    this.hasher = begun();
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
        hasher.putBytes(buffer.flip());
        count(buffer.limit());
      }
    } catch (IOException e) {
      throw HubCache.failed(path, "read", e);
    }
  }

  @SuppressWarnings("deprecation")   // Git names its blobs by nothing better than SHA-1.
  private Hasher begun() {
    return etag.length() == Sha256.LENGTH ? Hashing.sha256().newHasher()
        : Hashing.sha1().newHasher().putString("blob " + expected + "\0", StandardCharsets.UTF_8);
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
    hasher.putBytes(bytes.duplicate());
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
    hasher = begun();
    count(-size);
  }

  /// The hash of the bytes received, to be asked for once: no bytes may be appended afterwards.
  String hash() {
    return hasher.hash().toString();
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
