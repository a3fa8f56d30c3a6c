package dev.fovea.converter;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.converter.SourceFiles.Stamp;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.stream.Collectors;
import org.jetbrains.annotations.Nullable;

/// The stored hash of a checkpoint's files with their stamps at that time, so that gigabytes are read only once (ref: git,
/// `Documentation/technical/racy-git.txt`).
///
/// A text file: the hash, the time at which hashing began, and a line for each file.
record HashNote(Path file) {
  /// On the coarsest file systems a file can change within this period without a change of its time.
  private static final Duration COARSE = Duration.ofSeconds(2);

  /// The hash; null if none is stored, a file has changed since, or it was then so new that a change might not show.
  @Nullable String read(List<Stamp> stamps) {
    try {
      var parts = Files.readString(file).split("\n", 3);
      if (parts.length < 3 || !parts[2].equals(text(stamps))) return null;
      var began = Instant.parse(parts[1]);
      return stamps.stream().allMatch(stamp -> stamp.modified().plus(COARSE).isBefore(began)) ? parts[0] : null;
    } catch (IOException | DateTimeParseException e) {
      return null;
    }
  }

  /// Stores a hash. If that fails, it is computed again next time.
  void write(String hash, Instant began, List<Stamp> stamps) {
    try {
      Files.createDirectories(file.getParent());
      WholeFile.write(file, (hash + '\n' + began + '\n' + text(stamps)).getBytes(StandardCharsets.UTF_8));
    } catch (IOException | CheckpointException _) {
      // It is computed again next time.
    }
  }

  private static String text(List<Stamp> stamps) {
    return stamps.stream().map(s -> s.size() + " " + s.modified() + " " + s.number() + " " + s.name() + "\n")
        .collect(Collectors.joining());
  }
}
