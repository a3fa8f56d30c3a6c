package dev.fovea.engine.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
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

  private final Path target;
  private final Path path;
  private final FileChannel channel;

  private Unfinished(Path target, Path path, FileChannel channel) {
    this.target = target;
    this.path = path;
    this.channel = channel;
  }

  /// @param target the file that it is going to be, as [Destination#target()] gives it
  static Unfinished of(Path target) throws IOException {
    while (true) {
      var path = target.resolveSibling(beginning(target) + ThreadLocalRandom.current().nextLong(Long.MAX_VALUE) + ENDING);
      OPEN.add(path);
      FileChannel channel = null;
      try {
        // As readable as any new file, unlike what is made to be temporary.
        channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        // Before it is locked, another program may take it for a leftover.
        if (lock(channel) && Files.exists(path)) return new Unfinished(target, path, channel);
        channel.close();
      } catch (FileAlreadyExistsException e) {
        OPEN.remove(path);
        continue;
      } catch (IOException e) {
        if (channel != null) channel.close();
        delete(path);
        throw e;
      }
      delete(path);
    }
  }

  /// Deletes what killed programs have left beside `target`. What cannot be deleted stays, for it does no harm.
  ///
  /// @param target as [Destination#target()] gives it
  static void removeLeftovers(Path target) {
    var leftover = Pattern.compile(Pattern.quote(beginning(target)) + "\\d+" + Pattern.quote(ENDING));
    try (var files = Files.newDirectoryStream(target.getParent(),
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

  /// Gives it the name of its target, with all that was written.
  void publish() throws IOException {
    channel.force(true);
    takeOverMode();
    try {
      Files.move(path, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(path, target, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /// A file that is replaced keeps its mode and, where this user may say so, its owner and group.
  private void takeOverMode() throws IOException {
    var mine = Files.getFileAttributeView(path, PosixFileAttributeView.class);
    if (mine == null || !Files.exists(target)) return;
    var theirs = Files.readAttributes(target, PosixFileAttributes.class);
    var made = mine.readAttributes();
    try {
      if (!made.group().equals(theirs.group())) mine.setGroup(theirs.group());
      if (!made.owner().equals(theirs.owner())) mine.setOwner(theirs.owner());
    } catch (IOException _) {
      // Then it is this user's, as a new file would be.
    }
    mine.setPermissions(theirs.permissions());
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
