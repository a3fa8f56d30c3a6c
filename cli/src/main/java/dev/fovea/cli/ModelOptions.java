package dev.fovea.cli;

import dev.fovea.converter.Conversion;
import dev.fovea.converter.ConversionCache;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.kernels.Weight;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// How a command opens its MODEL, with `--no-cache`.
final class ModelOptions {
  static final String MODEL = "A model file, or the folder or weights of a published checkpoint.";

  @Option(names = "--no-cache",
      description = "Refuse a checkpoint that is not converted. Else it is converted once, and the result kept in "
          + "the user's cache.")
  private boolean noCache;

  /// Opens a model file, or what a published checkpoint was or is now converted to. Error messages call it what the user does.
  ///
  /// @throws CheckpointException if it is neither
  Checkpoint open(Path model) {
    var converted = ModelHeader.open(model);
    return converted != null ? converted : Checkpoint.open(convert(model), model.toString());
  }

  /// A conversion is told in one line, for it takes time and room; a result that is there already is nothing to tell.
  private Path convert(Path model) {
    var cache = noCache ? ConversionCache.refusing("--no-cache") : ConversionCache.ofUser();
    try (var bar = new Terminal.ProgressBar()) {
      var conversion = Conversion.to(Weight.Type.F32).withProgress(
          (what, done, all) -> bar.update((double) done / Math.max(1, all), what));
      return cache.resolve(model, conversion, file -> bar.complain("converting " + model + ", once, to " + file),
          report -> ConvertCommand.complain(model, report, Weight.Type.F32, bar::complain));
    }
  }
}
