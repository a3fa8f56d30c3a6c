package dev.fovea.engine.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/// A file that is being written, beside the one that it is going to be. It is locked, which tells those that somebody works on
/// from those that a killed program has left; one that is ended in another way deletes its own.
final class Unfinished implements AutoCloseable {
  private static final String ENDING = ".tmp";
  /// Those of this program.
  private static final Set<Path> OPEN = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> OPEN.forEach(Unfinished::delete), "fovea-unfinished"));
  }

  private final Path path;
  private final FileChannel channel;

  private Unfinished(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /// @param target the file that it is going to be
  static Unfinished of(Path target) throws IOException {
    while (true) {
      var path = Files.createTempFile(folder(target), beginning(target), ENDING);
      OPEN.add(path);
      FileChannel channel = null;
      try {
        channel = FileChannel.open(path, StandardOpenOption.WRITE);
        // Before it is locked, another program may take it for a leftover.
        if (lock(channel) && Files.exists(path)) return new Unfinished(path, channel);
        channel.close();
      } catch (IOException e) {
        if (channel != null) channel.close();
        delete(path);
        throw e;
      }
      delete(path);
    }
  }

  /// Deletes what killed programs have left beside `target`. What cannot be deleted stays, for it does no harm.
  static void removeLeftovers(Path target) {
    var leftover = Pattern.compile(Pattern.quote(beginning(target)) + "\\d+" + Pattern.quote(ENDING));
    try (var files = Files.newDirectoryStream(folder(target),
        file -> leftover.matcher(file.getFileName().toString()).matches())) {
      for (var file : files) {
        // Not even opened: closing it would end the lock.
        if (OPEN.contains(file)) continue;
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          if (channel.tryLock() != null) Files.deleteIfExists(file);
        }
      }
    } catch (IOException | java.nio.file.DirectoryIteratorException | OverlappingFileLockException e) {
      // No folder that can be listed, no locks on this file system, or no permission.
    }
  }

  /// The same folder whatever way leads there.
  private static Path folder(Path target) throws IOException {
    return target.toAbsolutePath().getParent().toRealPath();
  }

  private static String beginning(Path target) {
    return "." + target.getFileName() + ".";
  }

  /// False where another program is just looking at the file.
  private static boolean lock(FileChannel channel) {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    } catch (IOException e) {
      // This file system has no locks, so that nobody deletes leftovers on it.
      return true;
    }
  }

  Path path() {
    return path;
  }

  FileChannel channel() {
    return channel;
  }

  /// Gives it the name of `target`, with all that was written.
  void publish(Path target) throws IOException {
    channel.force(true);
    makeReadable();
    try {
      Files.move(path, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(path, target, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /// Temporary files are private to their owner; this one is as readable as any new file.
  private void makeReadable() throws IOException {
    if (path.getFileSystem().supportedFileAttributeViews().contains("posix"))
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-r--r--"));
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      delete(path);
    }
  }

  /// Where it was published, nothing of its name is left to delete.
  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException _) {
      // The failure that brought us here matters more.
    } finally {
      OPEN.remove(path);
    }
  }
}
