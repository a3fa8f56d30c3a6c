package dev.fovea.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
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
    write(text.getBytes(StandardCharsets.UTF_8), file);
  }

  static void write(byte[] bytes, Path file) {
    try {
      var folder = file.toAbsolutePath().getParent();
      if (Files.isDirectory(file)) throw new Fovea.UsageException(file + ": expected a file to write, got a directory");
      if (!Files.isDirectory(folder)) throw new Fovea.UsageException(file + ": there is no folder " + folder);
      var temporary = Files.createTempFile(folder, ".fovea", ".tmp");
      try {
        Files.write(temporary, bytes);
        Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw new Fovea.UsageException(file + ": cannot be written: " + (e instanceof java.nio.file.AccessDeniedException ? "access denied" : e.getMessage()));
    }
  }
}
