package dev.fovea.converter;

import com.google.common.hash.Hashing;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.engine.checkpoint.Sha256;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/// All files that a conversion reads.
///
/// @param files the weight files, then those beside them
record SourceFiles(List<Path> files) {
  /// Attributes that change when a file changes. `number` is the file key, which Windows lacks.
  record Stamp(String name, long size, Instant modified, String number) {}

  /// @throws CheckpointException if there are no weights
  static SourceFiles of(Path source, Conversion conversion) {
    var files = new ArrayList<>(Source.files(source));
    var folder = Source.folder(source);
    for (var name : Converter.BESIDE_WEIGHTS) if (Files.exists(folder.resolve(name))) files.add(folder.resolve(name));
    if (conversion.config() != null) files.add(conversion.config());
    return new SourceFiles(List.copyOf(files));
  }

  /// @throws CheckpointException if the target is one of them, by any path, or is in the folder `source`
  void requireApart(Path source, Path target) {
    var destination = Destination.of(target);
    Destination.requireOthers(List.of(destination), files);
    if (Files.isDirectory(source)) destination.requireOutside(source);
  }

  /// @throws CheckpointException if a file cannot be read
  List<Stamp> stamps() {
    return files.stream().map(file -> {
      try {
        var about = Files.readAttributes(file, BasicFileAttributes.class);
        return new Stamp(file.getFileName().toString(), about.size(), about.lastModifiedTime().toInstant(),
            String.valueOf(about.fileKey()));
      } catch (IOException e) {
        throw unreadable(file, e);
      }
    }).toList();
  }

  /// A hash of the files' names and bytes.
  ///
  /// @param progress gets the number of bytes hashed
  /// @throws CheckpointException if a file cannot be read
  String hash(Conversion.Progress progress) {
    var stamps = stamps();
    long total = stamps.stream().mapToLong(Stamp::size).sum(), before = 0;
    var hasher = Hashing.sha256().newHasher();
    for (int i = 0; i < files.size(); i++) {
      var name = stamps.get(i).name;
      long done = before;
      var hash = Sha256.of(files.get(i), read -> progress.advanced(name, done + read, total));
      hasher.putString(hash + ' ' + name + '\n', StandardCharsets.UTF_8);
      before += stamps.get(i).size;
    }
    return hasher.hash().toString();
  }

  private static CheckpointException unreadable(Path file, IOException e) {
    return new CheckpointException(file + ": cannot be read: " + WholeFile.reason(e), e);
  }
}
