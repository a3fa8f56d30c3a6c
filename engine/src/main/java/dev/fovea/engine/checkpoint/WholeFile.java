package dev.fovea.engine.checkpoint;

import dev.fovea.engine.tensor.CancelledException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileStore;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;

/// Reads exact ranges of files, and writes files that appear under their name once complete, or not at all; a device or a pipe
/// receives the bytes as they are written.
///
/// @see Destination
public final class WholeFile {
  private WholeFile() {}

  /// The contents of a file.
  @FunctionalInterface
  public interface Contents {
    /// @param channel a [FileChannel] if written bytes can be overwritten
    void writeTo(WritableByteChannel channel) throws IOException;
  }

  /// Writes a file, replacing an existing one.
  ///
  /// @throws CheckpointException if it cannot be written; an existing file is then unchanged, and no temporary file is left
  /// @throws CancelledException if the thread is interrupted, with the same consequences
  public static void write(Path path, Contents contents) {
    write(path, 0, contents);
  }

  /// Writes a file, replacing an existing one. Until it is complete it is a temporary file beside the target, which is deleted when
  /// the program ends; only a killed program leaves it, and the next writer of a checkpoint deletes it.
  ///
  /// @param bytes size of the file, as far as it is known in advance
  /// @throws CheckpointException if the disk has too little space, or the file cannot be written; an existing file is then
  ///   unchanged, and no temporary file is left
  /// @throws CancelledException if the thread is interrupted, with the same consequences
  public static void write(Path path, long bytes, Contents contents) {
    Objects.requireNonNull(contents, "contents");
    var destination = Destination.of(path);
    try {
      if (destination.isStream()) {
        try (var stream = destination.openStream()) {
          contents.writeTo(stream);
        }
        return;
      }
      try (var unfinished = Unfinished.of(destination.target())) {
        requireRoom(path, unfinished.path(), bytes);
        contents.writeTo(unfinished.channel());
        unfinished.publish();
      }
    } catch (IOException e) {
      throw Destination.cannot(path, e);
    }
  }

  /// Writes a file with these bytes.
  ///
  /// @see #write(Path, Contents)
  public static void write(Path path, byte[] bytes) {
    Objects.requireNonNull(bytes, "bytes");
    write(path, channel -> writeFully(channel, ByteBuffer.wrap(bytes)));
  }

  /// Checks before the work that its result can be written.
  ///
  /// @throws CheckpointException if the file cannot be written
  public static void requirePlace(Path path) {
    Destination.of(path).requireWritable();
  }

  private static void requireRoom(Path path, Path there, long bytes) throws IOException {
    FileStore disk;
    try {
      disk = Files.getFileStore(there);
    } catch (IOException e) {
      return;   // Not every file system reports its space; writing will fail instead.
    }
    if (disk.getTotalSpace() > 0 && disk.getUsableSpace() < bytes)
      throw new CheckpointException(String.format(Locale.ROOT, "%s: expected room for %,d bytes on its disk, got %,d", path,
          bytes, disk.getUsableSpace()));
  }

  /// Writes the remaining bytes of a buffer.
  public static void writeFully(WritableByteChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) channel.write(buffer);
  }

  /// Fills the rest of a buffer with a file's bytes from offset `from`.
  ///
  /// @param name name of the file in error messages
  /// @throws CheckpointException if the file is too short
  static void readFully(String name, FileChannel channel, ByteBuffer buffer, long from) throws IOException {
    long end = from + buffer.remaining();
    for (long at = from; buffer.hasRemaining(); ) {
      int read = channel.read(buffer, at);
      if (read < 0)
        throw new CheckpointException(name + ": was truncated while it was being read: expected bytes up to " + end + ", got "
            + channel.size());
      at += read;
    }
  }

  /// Tells a cancellation from a failure, in which the file would be to blame. A cancelled thread has its interrupt status set.
  ///
  /// @param name name of the file in error messages
  /// @param e why it was not read or written
  /// @throws CancelledException if that was because the thread was interrupted
  public static void requireUninterrupted(String name, IOException e) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(e, "e");
    var thread = Thread.currentThread();
    boolean interrupted = switch (e) {
      case ClosedByInterruptException _ -> true;
      // A kind of its own, such as that of sockets, tells of a timeout.
      case InterruptedIOException _ -> e.getClass() == InterruptedIOException.class;
      // Another thread that reads for this one, or a later step of this one, found the channel closed.
      case ClosedChannelException _ -> thread.isInterrupted();
      default -> false;
    };
    if (!interrupted) return;
    thread.interrupt();
    throw new CancelledException(name, e);
  }

  /// The reason for a failed read or write, as text.
  public static String reason(IOException e) {
    Objects.requireNonNull(e, "e");
    return switch (e) {
      case ClosedByInterruptException _ -> "the thread was interrupted";
      case AccessDeniedException _ -> "access denied";
      case NoSuchFileException _ -> "no such file or folder";
      case FileSystemLoopException _ -> "a link that leads back to a folder above it";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      default -> e.getMessage();
    };
  }
}
