package dev.fovea.engine.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import org.jetbrains.annotations.Nullable;

/// Writes files that appear under their name when they are complete, or not at all.
public final class WholeFile {
  private WholeFile() {}

  /// What goes into a file.
  @FunctionalInterface
  public interface Contents {
    void writeTo(FileChannel channel) throws IOException;
  }

  /// Writes a file, replacing one that is there.
  ///
  /// @throws CheckpointException if it cannot be written; what was there before is untouched then, and nothing is left over
  public static void write(Path path, Contents contents) {
    requirePlace(path);
    var target = path.toAbsolutePath();
    Path temporary = null;
    try {
      temporary = Files.createTempFile(target.getParent(), "." + target.getFileName() + ".", ".tmp");
      try (var channel = FileChannel.open(temporary, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
        contents.writeTo(channel);
        channel.force(true);
      }
      move(temporary, target);
    } catch (IOException e) {
      throw new CheckpointException(path + ": cannot be written: " + reason(e), e);
    } finally {
      deleteIfThere(temporary);
    }
  }

  /// Writes a file of these bytes.
  ///
  /// @see #write(Path, Contents)
  public static void write(Path path, byte[] bytes) {
    write(path, channel -> writeFully(channel, ByteBuffer.wrap(bytes)));
  }

  /// Finds out before the work whether there is a place for its result.
  ///
  /// @throws CheckpointException if the path is a folder, or in none
  public static void requirePlace(Path path) {
    var target = path.toAbsolutePath();
    if (Files.isDirectory(target)) throw new CheckpointException(path + ": expected a file to write, got a directory");
    var folder = target.getParent();
    if (!Files.isDirectory(folder)) throw new CheckpointException(path + ": there is no folder " + folder);
  }

  /// Writes all that remains of a buffer.
  public static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) channel.write(buffer);
  }

  /// Why a file cannot be written or read, in words.
  public static String reason(IOException e) {
    return e instanceof AccessDeniedException ? "access denied"
        : e instanceof FileAlreadyExistsException ? "a file is in the way"
        : e instanceof FileSystemException f && f.getReason() != null ? f.getReason() : e.getMessage();
  }

  private static void move(Path from, Path to) throws IOException {
    makeReadable(from);
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /// Temporary files are private to their owner; this one is as readable as any new file.
  private static void makeReadable(Path path) throws IOException {
    if (path.getFileSystem().supportedFileAttributeViews().contains("posix"))
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-r--r--"));
  }

  private static void deleteIfThere(@Nullable Path temporary) {
    try {
      if (temporary != null) Files.deleteIfExists(temporary);
    } catch (IOException _) {
      // The failure that brought us here matters more.
    }
  }
}
