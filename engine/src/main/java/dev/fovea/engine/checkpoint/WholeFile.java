package dev.fovea.engine.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
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

/// Writes files that appear under their name when they are complete, or not at all; a device or a pipe takes what is written as it
/// comes.
///
/// @see Destination
public final class WholeFile {
  private WholeFile() {}

  /// What goes into a file.
  @FunctionalInterface
  public interface Contents {
    /// @param channel a [FileChannel] where what was written can be written again
    void writeTo(WritableByteChannel channel) throws IOException;
  }

  /// Writes a file, replacing one that is there.
  ///
  /// @throws CheckpointException if it cannot be written; what was there before is untouched then, and nothing is left over
  public static void write(Path path, Contents contents) {
    write(path, 0, contents);
  }

  /// Writes a file, replacing one that is there. Until it is complete it lies beside it under another name, from where it is
  /// deleted when the program is ended; only a program that is killed leaves it, for the next writer of a checkpoint to delete.
  ///
  /// @param bytes how many there will be, as far as that is known before
  /// @throws CheckpointException if the disk has no room for them, or the file cannot be written; what was there before is
  /// untouched then, and nothing is left over
  public static void write(Path path, long bytes, Contents contents) {
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

  /// Writes a file of these bytes.
  ///
  /// @see #write(Path, Contents)
  public static void write(Path path, byte[] bytes) {
    write(path, channel -> writeFully(channel, ByteBuffer.wrap(bytes)));
  }

  /// Finds out before the work whether its result can be written.
  ///
  /// @throws CheckpointException if it cannot
  public static void requirePlace(Path path) {
    Destination.of(path).requireWritable();
  }

  private static void requireRoom(Path path, Path there, long bytes) throws IOException {
    FileStore disk;
    try {
      disk = Files.getFileStore(there);
    } catch (IOException e) {
      return;   // Not every file system tells; the writing will.
    }
    if (disk.getTotalSpace() > 0 && disk.getUsableSpace() < bytes)
      throw new CheckpointException(String.format(Locale.ROOT, "%s: expected room for %,d bytes on its disk, got %,d", path,
          bytes, disk.getUsableSpace()));
  }

  /// Writes all that remains of a buffer.
  public static void writeFully(WritableByteChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) channel.write(buffer);
  }

  /// Why a file cannot be written or read, in words.
  public static String reason(IOException e) {
    return switch (e) {
      case AccessDeniedException _ -> "access denied";
      case NoSuchFileException _ -> "no such file or folder";
      case FileSystemLoopException _ -> "a link that leads back to a folder above it";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      default -> e.getMessage();
    };
  }
}
