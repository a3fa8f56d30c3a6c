package dev.fovea.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import javax.imageio.ImageIO;
import org.jetbrains.annotations.Nullable;

/// Where results go: stdout, or a file that appears when it is complete.
final class Output {
  private static final Gson JSON = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().serializeSpecialFloatingPointValues().create();

  private Output() {}

  static String json(Object value) {
    return JSON.toJson(value) + System.lineSeparator();
  }

  static void write(String text, @Nullable Path file) {
    if (file == null) {
      System.out.print(text);
      System.out.flush();
      return;
    }
    write(file, temporary -> Files.writeString(temporary, text));
  }

  /// Writes a PNG.
  static void writePng(BufferedImage image, Path file) {
    write(file, temporary -> {
      if (!ImageIO.write(image, "png", temporary.toFile())) throw new IOException("there is no writer of PNG");
    });
  }

  /// Refuses a file that cannot be written, before there is anything to write.
  static void requireWritable(Path file) {
    var folder = file.toAbsolutePath().getParent();
    if (Files.isDirectory(file)) throw new Fovea.UsageException(file + ": expected a file to write, got a directory");
    if (!Files.isDirectory(folder)) throw new Fovea.UsageException(file + ": there is no folder " + folder);
    if (!Files.isWritable(folder)) throw new Fovea.UsageException(file + ": cannot be written: access denied");
  }

  /// Something that fills a file.
  private interface Contents {
    void writeTo(Path file) throws IOException;
  }

  private static void write(Path file, Contents contents) {
    requireWritable(file);
    try {
      var temporary = Files.createTempFile(file.toAbsolutePath().getParent(), ".fovea", ".tmp");
      try {
        contents.writeTo(temporary);
        makeReadable(temporary);
        Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw new Fovea.UsageException(file + ": cannot be written: " + (e instanceof AccessDeniedException ? "access denied" : e.getMessage()));
    }
  }

  /// Temporary files are private to their owner; a result is as readable as any new file.
  private static void makeReadable(Path path) throws IOException {
    if (path.getFileSystem().supportedFileAttributeViews().contains("posix"))
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-r--r--"));
  }
}
