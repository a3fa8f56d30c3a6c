package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The small models that come with the program, and the pictures that they are judged by.
public final class Demo {
  /// Twelve pictures of a shape each, and in `singles.json` what the reference implementation says of them.
  public static final Path SINGLES = path("singles");
  /// The same pictures in lossy WebP.
  public static final Path SINGLES_WEBP = path("singles-webp");
  /// Drawn scenes with their true classes and instances, and in `scenes.json` the reference implementation's results.
  public static final Path SCENES = path("scenes");

  private Demo() {}

  private static Path path(String name) {
    try {
      return Path.of(Demo.class.getResource("/demo/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /// A model in memory, called "demo".
  ///
  /// @param name `vit`, `segformer` or `sam`
  public static Checkpoint model(String name) {
    try {
      return Checkpoint.read("demo", Files.readAllBytes(path(name + ".safetensors")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A file of its own, for a test that changes it.
  public static Path copy(String name, Path folder) {
    try {
      return Files.write(Files.createTempFile(folder, name, ".safetensors"), Files.readAllBytes(path(name + ".safetensors")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
