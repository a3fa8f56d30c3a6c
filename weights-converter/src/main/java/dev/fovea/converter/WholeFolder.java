package dev.fovea.converter;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

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
    requirePlace(path);
    try {
      var target = Files.exists(path) ? path.toRealPath() : path.toAbsolutePath().normalize();
      var temporary = Files.createTempDirectory(target.getParent(), "." + target.getFileName() + ".");
      var atTheEnd = new Thread(() -> deleteIfThere(temporary), "fovea-unfinished-folder");
      Runtime.getRuntime().addShutdownHook(atTheEnd);
      try {
        contents.writeTo(temporary);
        makeReadable(temporary);
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
      throw new CheckpointException(path + ": cannot be written: " + WholeFile.reason(e), e);
    }
  }

  /// Finds out before the work whether there is a place for its result.
  ///
  /// @throws CheckpointException if the path is a file, a folder with something in it, or in no folder
  static void requirePlace(Path path) {
    if (Files.isDirectory(path)) requireEmpty(path);
    else if (Files.exists(path)) throw new CheckpointException(path + ": expected a folder to write, got a file");
    else {
      var folder = path.toAbsolutePath().normalize().getParent();
      if (!Files.isDirectory(folder)) throw new CheckpointException(path + ": there is no folder " + folder);
    }
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

  /// Temporary folders are private to their owner; this one is as readable as any new folder.
  private static void makeReadable(Path path) throws IOException {
    if (path.getFileSystem().supportedFileAttributeViews().contains("posix"))
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static void deleteIfThere(Path temporary) {
    if (!Files.exists(temporary)) return;
    try (var files = Files.list(temporary)) {
      for (var file : files.toList()) Files.deleteIfExists(file);
      Files.deleteIfExists(temporary);
    } catch (IOException _) {
      // The failure that brought us here matters more.
    }
  }
}
