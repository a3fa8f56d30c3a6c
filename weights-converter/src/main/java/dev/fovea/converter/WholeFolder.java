package dev.fovea.converter;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.ThreadLocalRandom;

/// Writes folders that appear under their name only when they are complete.
final class WholeFolder {
  private WholeFolder() {}

  /// Writes a folder's contents.
  @FunctionalInterface
  interface Contents {
    void writeTo(Path folder) throws IOException;
  }

  /// Writes a new folder or replaces an empty one. Until it is complete it has a temporary name beside the target and is deleted if
  /// the program ends; only a killed program leaves it.
  ///
  /// @throws CheckpointException if it cannot be written; nothing is left over then
  static void write(Path path, Contents contents) {
    var target = place(path);
    try {
      var temporary = create(target);
      var atTheEnd = new Thread(() -> deleteIfThere(temporary), "fovea-unfinished-folder");
      Runtime.getRuntime().addShutdownHook(atTheEnd);
      try {
        contents.writeTo(temporary);
        takeOverMode(temporary, target);
        // Replaces an empty folder, and nothing else.
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      } catch (CheckpointException e) {
        // Messages never show the temporary name.
        throw new CheckpointException(e.getMessage().replace(temporary.toString(), path.toString()), e);
      } finally {
        deleteIfThere(temporary);
        Runtime.getRuntime().removeShutdownHook(atTheEnd);
      }
    } catch (IOException e) {
      throw cannot(path, e);
    }
  }

  /// A new folder beside the target, with default permissions, unlike Java's temporary folders.
  private static Path create(Path target) throws IOException {
    while (true) {
      try {
        return Files.createDirectory(target.resolveSibling("." + target.getFileName() + "."
            + ThreadLocalRandom.current().nextLong(Long.MAX_VALUE)));
      } catch (FileAlreadyExistsException _) {
        // Try another number.
      }
    }
  }

  /// Checks before the work that its result can be written, by creating and deleting a folder.
  ///
  /// @throws CheckpointException if the path is a file or a folder that is not empty, its parent is missing, or it cannot be
  /// written
  static void requirePlace(Path path) {
    try {
      Files.delete(create(place(path)));
    } catch (IOException e) {
      throw cannot(path, e);
    }
  }

  /// The folder's path with all links resolved.
  private static Path place(Path path) {
    if (Files.isDirectory(path)) {
      requireEmpty(path);
      try {
        return path.toRealPath();
      } catch (IOException e) {
        throw cannot(path, e);
      }
    }
    if (Files.exists(path)) throw new CheckpointException(path + ": expected a folder to write, got a file");
    return Destination.of(path).target();
  }

  private static CheckpointException cannot(Path path, IOException e) {
    return new CheckpointException(path + ": cannot be written: " + WholeFile.reason(e), e);
  }

  private static void requireEmpty(Path path) {
    try (var files = Files.list(path)) {
      var first = files.sorted().findFirst();
      if (first.isPresent())
        throw new CheckpointException(path + ": expected a new or an empty folder, got one with " + first.get().getFileName()
            + " in it");
    } catch (IOException e) {
      throw new CheckpointException(path + ": cannot be read: " + WholeFile.reason(e), e);
    }
  }

  /// Keeps the mode of an empty folder that is replaced.
  private static void takeOverMode(Path temporary, Path target) throws IOException {
    if (Files.exists(target) && temporary.getFileSystem().supportedFileAttributeViews().contains("posix"))
      Files.setPosixFilePermissions(temporary, Files.getPosixFilePermissions(target));
  }

  private static void deleteIfThere(Path temporary) {
    try {
      MoreFiles.deleteRecursively(temporary, RecursiveDeleteOption.ALLOW_INSECURE);
    } catch (IOException _) {
      // The original failure matters more.
    }
  }
}
