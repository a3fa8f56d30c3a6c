package dev.fovea.benchmarks.peers;

import dev.fovea.converter.Conversion;
import dev.fovea.converter.Converter;
import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Fovea's model file, of parameters with published names.
final class DetectorFile {
  private DetectorFile() {}

  /// Converts the parameters of a model of a published size.
  ///
  /// @return a file that is deleted at the end of the program
  static Path of(String preset, Parameters parameters) {
    try {
      Path from = Files.createTempDirectory("published"), to = Files.createTempDirectory("converted");
      Path published = from.resolve("model.safetensors"), config = from.resolve("config.json");
      var file = to.resolve(preset + ".safetensors");
      to.toFile().deleteOnExit();
      file.toFile().deleteOnExit();
      try {
        Safetensors.write(published, parameters.all());
        Files.writeString(config, GroundingDinoSizes.json(preset));
        Converter.convert(from, file, Conversion.to(WeightFormat.F32));
        return file;
      } finally {
        Files.deleteIfExists(published);
        Files.deleteIfExists(config);
        Files.delete(from);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
