package dev.fovea.cli;

import dev.fovea.converter.Converter;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.engine.checkpoint.ModelHeader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// The files that a command will write and read, checked before its work, so that no output destroys an input or fails late.
final class Outputs {
  private final List<Destination> files = new ArrayList<>();
  private final List<Path> inputs = new ArrayList<>();
  private final List<Path> models = new ArrayList<>();
  private final Set<Path> pictureFolders = new HashSet<>();

  /// @param files null for those not requested
  static Outputs of(@Nullable Path... files) {
    var outputs = new Outputs();
    Stream.of(files).filter(Objects::nonNull).map(Destination::of).forEach(outputs.files::add);
    return outputs;
  }

  static Outputs of(List<Path> files) {
    return of(files.toArray(Path[]::new));
  }

  /// Adds files that are read; null for those not named.
  Outputs reading(@Nullable Path... files) {
    Stream.of(files).filter(Objects::nonNull).forEach(inputs::add);
    return this;
  }

  /// Adds a model file, or a published checkpoint with its whole folder.
  Outputs readingModel(Path model) {
    models.add(model);
    return this;
  }

  /// Adds pictures, and the folders in which the next run would find more.
  Outputs reading(PictureInputs pictures) {
    for (var name : pictures.names()) inputs.add(name.equals(PictureInputs.STDIN) ? PictureInputs.STDIN_FILE : Path.of(name));
    pictureFolders.addAll(pictures.folders());
    return this;
  }

  /// Whether one of the files is stdout, so that reports belong on stderr.
  boolean areStdout() {
    return files.stream().anyMatch(Destination::isStdout);
  }

  /// Checks that all files can be written without destroying an input.
  ///
  /// @throws dev.fovea.engine.checkpoint.CheckpointException if a file cannot be written, is an input, or is in the folder of a
  /// checkpoint
  /// @throws Fovea.UsageException if two of them are the same, or one is in a folder of input pictures
  void require() {
    if (files.isEmpty()) return;
    models.forEach(this::requireApart);
    Destination.requireOthers(files, inputs);
    var targets = new HashSet<Path>();
    for (var file : files) {
      if (file.isStream()) continue;
      requireOutsidePictures(file);
      if (!targets.add(file.target())) throw new Fovea.UsageException(file + ": expected two files to write, got the same twice");
    }
    // One check per folder is enough.
    var tried = new HashSet<Path>();
    for (var file : files) if (tried.add(file.target().getParent())) file.requireWritable();
  }

  private void requireApart(Path model) {
    if (Files.isDirectory(model)) {
      files.forEach(file -> file.requireOutside(model));
      // Folders of hub caches have links to files elsewhere.
      inputs.addAll(filesIn(model));
      return;
    }
    inputs.add(model);
    var folder = model.toAbsolutePath().getParent();
    boolean beside = files.stream().anyMatch(file -> Files.exists(file.target()) && isIn(folder, file.target()));
    if (beside && Files.exists(model) && !isConverted(model)) inputs.addAll(Converter.files(model));
  }

  private static boolean isIn(Path folder, Path file) {
    try {
      return Files.isSameFile(folder, file.getParent());
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean isConverted(Path model) {
    try (var converted = ModelHeader.open(model)) {
      return converted != null;
    }
  }

  private static List<Path> filesIn(Path folder) {
    try (var files = Files.list(folder)) {
      return files.toList();
    } catch (IOException e) {
      // Opening the model reports it.
      return List.of();
    }
  }

  /// Refuses a picture in a folder of input pictures, which the next run would read.
  private void requireOutsidePictures(Destination file) {
    if (!PictureInputs.isPicture(file.target())) return;
    for (var folder = file.target().getParent(); folder != null; folder = folder.getParent())
      if (pictureFolders.contains(folder))
        throw new Fovea.UsageException(file + ": expected a place outside the folder " + folder + ", whose pictures are read");
  }

  /// Refuses a name without `.png`, the only format written. A device or a pipe needs no ending.
  ///
  /// @param option the option's name, for the message
  static void requirePng(String option, @Nullable Path file) {
    if (file != null && !file.toString().toLowerCase(Locale.ROOT).endsWith(".png") && !Destination.of(file).isStream())
      throw new Fovea.UsageException(option + ": expected a file name that ends in .png, got " + file);
  }
}
