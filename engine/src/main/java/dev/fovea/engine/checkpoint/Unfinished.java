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
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// A temporary file beside its target, until it is complete. Its lock distinguishes it from the leftovers of killed programs; a
/// program that ends in any other way deletes its temporary files.
final class Unfinished implements AutoCloseable {
  private static final String ENDING = ".tmp";
  /// The temporary files of this program.
  private static final Set<Path> OPEN = ConcurrentHashMap.newKeySet();
  /// Deletes them when the program ends. Java knows it only while there are any: it would hold this class, and its loader with it.
  private static @Nullable Thread hook;

  private final Path target;
  private final Path path;
  private final FileChannel channel;

  private Unfinished(Path target, Path path, FileChannel channel) {
    this.target = target;
    this.path = path;
    this.channel = channel;
  }

  /// @param target the final path, from [Destination#target()]
  static Unfinished of(Path target) throws IOException {
    while (true) {
      var path = target.resolveSibling(beginning(target) + ThreadLocalRandom.current().nextLong(Long.MAX_VALUE) + ENDING);
      open(path);
      FileChannel channel = null;
      try {
        // With the permissions of any new file, unlike those of Files.createTempFile.
        channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        // Until it is locked, another program may take it for a leftover and delete it.
        if (lock(channel) && Files.exists(path)) return new Unfinished(target, path, channel);
        channel.close();
      } catch (FileAlreadyExistsException e) {
        forget(path);
        continue;
      } catch (IOException e) {
        if (channel != null) channel.close();
        delete(path);
        throw e;
      }
      delete(path);
    }
  }

  /// Deletes leftovers of killed programs beside `target`. Those that cannot be deleted stay and do no harm.
  ///
  /// @param target from [Destination#target()]
  static void removeLeftovers(Path target) {
    var leftover = Pattern.compile(Pattern.quote(beginning(target)) + "\\d+" + Pattern.quote(ENDING));
    try (var files = Files.newDirectoryStream(target.getParent(),
        file -> leftover.matcher(file.getFileName().toString()).matches())) {
      for (var file : files) {
        // Not opened, because closing it would release this program's lock.
        if (OPEN.contains(file)) continue;
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          if (channel.tryLock() != null) Files.deleteIfExists(file);
        }
      }
    } catch (IOException | java.nio.file.DirectoryIteratorException | OverlappingFileLockException e) {
      // The folder cannot be listed, the file system has no locks, or permission is missing.
    }
  }

  private static String beginning(Path target) {
    return "." + target.getFileName() + ".";
  }

  /// Locks the file; false if its lock is held by another program that inspects it.
  private static boolean lock(FileChannel channel) {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    } catch (IOException e) {
      // Without locks no program deletes leftovers.
      return true;
    }
  }

  Path path() {
    return path;
  }

  FileChannel channel() {
    return channel;
  }

  /// Forces the written bytes to disk and moves the file to its target.
  void publish() throws IOException {
    channel.force(true);
    takeOverMode();
    try {
      Files.move(path, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(path, target, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /// Takes over the mode of a replaced file and, if permitted, its owner and group.
  private void takeOverMode() throws IOException {
    var mine = Files.getFileAttributeView(path, PosixFileAttributeView.class);
    if (mine == null || !Files.exists(target)) return;
    var theirs = Files.readAttributes(target, PosixFileAttributes.class);
    var made = mine.readAttributes();
    try {
      if (!made.group().equals(theirs.group())) mine.setGroup(theirs.group());
      if (!made.owner().equals(theirs.owner())) mine.setOwner(theirs.owner());
    } catch (IOException _) {
      // Not permitted: it belongs to this user, as a new file would.
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

  /// Deletes a file; after [#publish()] it no longer exists.
  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException _) {
      // The failure that led here matters more.
    } finally {
      forget(path);
    }
  }

  private static synchronized void open(Path path) {
    OPEN.add(path);
    if (hook != null) return;
    var fresh = new Thread(null, () -> List.copyOf(OPEN).forEach(Unfinished::delete), "fovea-unfinished", 0, false);
    fresh.setContextClassLoader(null);
    try {
      Runtime.getRuntime().addShutdownHook(fresh);
      hook = fresh;
    } catch (IllegalStateException _) {
      // The program ends already.
    }
  }

  private static synchronized void forget(Path path) {
    OPEN.remove(path);
    if (!OPEN.isEmpty() || hook == null) return;
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException _) {
      // The program ends, and it is the hook that deletes files.
    }
    hook = null;
  }
}
