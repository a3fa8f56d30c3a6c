package dev.fovea.cli;

import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// The pictures that a command line names: files, folders, `-` for stdin.
final class Pictures {
  private Pictures() {}

  static Picture read(String name) {
    return name.equals("-") ? stdin() : Picture.read(Path.of(name));
  }

  private static Picture stdin() {
    try {
      return Picture.decode("stdin", System.in.readAllBytes());
    } catch (IOException e) {
      throw new ImageException("stdin: cannot be read: " + e.getMessage(), e);
    }
  }

  /// Folders become the pictures in them, by name.
  static List<String> expand(List<String> images) {
    var expanded = new ArrayList<String>();
    for (var image : images) {
      if (image.equals("-") || !Files.isDirectory(Path.of(image))) expanded.add(image);
      else expanded.addAll(picturesIn(Path.of(image)));
    }
    return expanded;
  }

  private static List<String> picturesIn(Path folder) {
    try (var files = Files.list(folder)) {
      var pictures = files.filter(f -> f.toString().toLowerCase(Locale.ROOT).matches(".*\\.(png|jpe?g|webp|bmp|gif)") && Files.isRegularFile(f))
          .map(Path::toString).sorted().toList();
      if (pictures.isEmpty()) throw new ImageException(folder + ": there is no picture in this folder");
      return pictures;
    } catch (IOException e) {
      throw new ImageException(folder + ": cannot be read: " + e.getMessage(), e);
    }
  }
}
