package dev.fovea.converter;

import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/// All files that a conversion reads.
///
/// @param files the weights', then what lies beside them
record SourceFiles(List<Path> files) {
  private static final int CHUNK = 1 << 20;

  /// What changes when a file changes. Windows has no number of a file.
  record Stamp(String name, long size, Instant modified, String number) {}

  /// @throws CheckpointException if there are no weights
  static SourceFiles of(Path source, Conversion conversion) {
    var files = new ArrayList<>(Source.files(source));
    var folder = files.getFirst().toAbsolutePath().getParent();
    for (var name : Converter.BESIDE_WEIGHTS) if (Files.exists(folder.resolve(name))) files.add(folder.resolve(name));
    if (conversion.config() != null) files.add(conversion.config());
    return new SourceFiles(List.copyOf(files));
  }

  /// @throws CheckpointException if a file is gone
  List<Stamp> stamps() {
    return files.stream().map(file -> {
      try {
        var about = Files.readAttributes(file, BasicFileAttributes.class);
        return new Stamp(file.getFileName().toString(), about.size(), about.lastModifiedTime().toInstant(), String.valueOf(about.fileKey()));
      } catch (IOException e) {
        throw unreadable(file, e);
      }
    }).toList();
  }

  /// SHA-256 of the files' names, sizes and bytes, in hexadecimal.
  ///
  /// @param progress hears of the files' bytes
  /// @throws CheckpointException if a file cannot be read
  String hash(Conversion.Progress progress) {
    var digest = sha256();
    long done = 0, total = stamps().stream().mapToLong(Stamp::size).sum();
    for (var file : files) {
      var name = file.getFileName().toString();
      digest.update((name + '\0').getBytes(StandardCharsets.UTF_8));
      long size = 0;
      try (var in = Files.newInputStream(file)) {
        var chunk = new byte[CHUNK];
        for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
          digest.update(chunk, 0, n);
          size += n;
          progress.advanced(name, done + size, total);
        }
      } catch (IOException e) {
        throw unreadable(file, e);
      }
      digest.update(ByteBuffer.allocate(Long.BYTES).putLong(size).flip());
      done += size;
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /// SHA-256 of a text, in hexadecimal.
  static String hash(String text) {
    return HexFormat.of().formatHex(sha256().digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }

  private static CheckpointException unreadable(Path file, IOException e) {
    return new CheckpointException(file + ": cannot be read: " + WholeFile.reason(e), e);
  }
}
