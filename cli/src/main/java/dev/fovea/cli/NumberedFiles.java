package dev.fovea.cli;

import com.google.common.io.MoreFiles;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/// A file for each of several results: `out-1.png`, `out-2.png` … for `out.png`.
///
/// @param file the name given by the user
record NumberedFiles(Path file) {
  /// @param option the option's name, for the message
  /// @param things the results, for the message
  /// @throws Fovea.UsageException if `file` is a device or a pipe
  static NumberedFiles of(String option, Path file, String things) {
    if (Destination.of(file).isStream())
      throw new Fovea.UsageException(option + ": expected a file name for several " + things + ", got a device or a pipe, " + file);
    return new NumberedFiles(file);
  }

  /// The first, and those that exist.
  ///
  /// @throws CheckpointException if the folder cannot be read
  List<Path> known() {
    var files = new ArrayList<>(List.of(number("1")));
    var pattern = Pattern.compile(Pattern.quote(begin()) + "-(\\d+)" + Pattern.quote(ending()));
    var folder = file.toAbsolutePath().getParent();
    if (!Files.isDirectory(folder)) return files;
    try (var there = Files.newDirectoryStream(folder)) {
      for (var each : there) {
        var name = pattern.matcher(each.getFileName().toString());
        if (name.matches() && !name.group(1).equals("1")) files.add(number(name.group(1)));
      }
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be written: " + WholeFile.reason(e), e);
    }
    return files;
  }

  /// The file of a result, counted from 1.
  Path number(int number) {
    return number(Integer.toString(number));
  }

  private Path number(String number) {
    return file.resolveSibling(begin() + "-" + number + ending());
  }

  private String begin() {
    return MoreFiles.getNameWithoutExtension(file);
  }

  private String ending() {
    return file.getFileName().toString().substring(begin().length());
  }
}
