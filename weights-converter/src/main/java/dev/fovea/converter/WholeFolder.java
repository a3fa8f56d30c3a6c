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

/// Writes folders that appear under their name when they are complete, or not at all.
final class WholeFolder {
  private WholeFolder() {}

  /// What goes into a folder.
  @FunctionalInterface
  interface Contents {
    void writeTo(Path folder) throws IOException;
  }

  /// Writes a folder where there is none yet, or an empty one. Until it is complete it lies beside it under another name, from
  /// where it is deleted when the program is ended; only a program that is killed leaves it.
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
        // Takes the place of an empty folder, and of nothing else.
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      } catch (CheckpointException e) {
        // Whoever reads it never sees the folder by its other name.
        throw new CheckpointException(e.getMessage().replace(temporary.toString(), path.toString()), e);
      } finally {
        deleteIfThere(temporary);
        Runtime.getRuntime().removeShutdownHook(atTheEnd);
      }
    } catch (IOException e) {
      throw cannot(path, e);
    }
  }

  /// A new folder beside the target. It is as readable as any new one, unlike what is made to be temporary.
  private static Path create(Path target) throws IOException {
    while (true) {
      try {
        return Files.createDirectory(target.resolveSibling("." + target.getFileName() + "."
            + ThreadLocalRandom.current().nextLong(Long.MAX_VALUE)));
      } catch (FileAlreadyExistsException _) {
        // Another number will do.
      }
    }
  }

  /// Finds out before the work whether its result can be written, by a folder that is made and deleted at once.
  ///
  /// @throws CheckpointException if the path is a file, a folder with something in it, or in no folder, or nothing can be written
  /// there
  static void requirePlace(Path path) {
    try {
      Files.delete(create(place(path)));
    } catch (IOException e) {
      throw cannot(path, e);
    }
  }

  /// Where the folder will be, after all links.
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

  /// An empty folder that is replaced keeps its mode.
  private static void takeOverMode(Path temporary, Path target) throws IOException {
    if (Files.exists(target) && temporary.getFileSystem().supportedFileAttributeViews().contains("posix"))
      Files.setPosixFilePermissions(temporary, Files.getPosixFilePermissions(target));
  }

  private static void deleteIfThere(Path temporary) {
    try {
      MoreFiles.deleteRecursively(temporary, RecursiveDeleteOption.ALLOW_INSECURE);
    } catch (IOException _) {
      // The failure that brought us here matters more.
    }
  }
}
