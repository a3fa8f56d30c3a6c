package dev.fovea.cli;

import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jetbrains.annotations.Nullable;

/// The pictures that a command line names: files, folders of pictures, and `-` for stdin.
final class PictureInputs {
  static final String STDIN = "-";

  private @Nullable Picture stdin;

  /// Folders become the pictures in them and in the folders below, by name.
  ///
  /// @throws ImageException if there is no picture in a folder, or it cannot be read
  static List<String> expand(List<String> images) {
    var expanded = new ArrayList<String>();
    for (var image : images) {
      if (image.equals(STDIN) || !Files.isDirectory(Path.of(image))) expanded.add(image);
      else expanded.addAll(picturesIn(Path.of(image)));
    }
    return expanded;
  }

  private static List<String> picturesIn(Path folder) {
    try (var files = Files.walk(folder, FileVisitOption.FOLLOW_LINKS)) {
      var pictures = files.filter(f -> hasPictureEnding(f) && Files.isRegularFile(f)).map(Path::toString).sorted().toList();
      if (pictures.isEmpty()) throw new ImageException(folder + ": there is no picture in this folder");
      return pictures;
    } catch (IOException | UncheckedIOException e) {
      throw new ImageException(folder + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static boolean hasPictureEnding(Path file) {
    return file.toString().toLowerCase(Locale.ROOT).matches(".*\\.(png|jpe?g|webp|bmp|gif)");
  }

  /// The picture of that name, from stdin as often as it is asked for.
  ///
  /// @throws ImageException if it is no readable picture
  Picture read(String name) {
    if (!name.equals(STDIN)) return Picture.read(path(name));
    if (stdin == null) stdin = readStdin();
    return stdin;
  }

  /// A folder may hold names that are not text in the locale's charset. Java shows them with U+FFFD in the place of bytes, and
  /// there is no way back.
  private static Path path(String name) {
    try {
      var path = Path.of(name);
      if (name.indexOf('\uFFFD') < 0 || Files.exists(path, LinkOption.NOFOLLOW_LINKS)) return path;
    } catch (InvalidPathException _) {
      // Not to be written in the charset either.
    }
    throw new ImageException(name + ": its name is not text in " + System.getProperty("sun.jnu.encoding"));
  }

  private static Picture readStdin() {
    try {
      return Picture.decode("stdin", System.in.readAllBytes());
    } catch (IOException e) {
      throw new ImageException("stdin: cannot be read: " + e.getMessage(), e);
    }
  }
}
