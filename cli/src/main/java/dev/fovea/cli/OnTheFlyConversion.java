package dev.fovea.cli;

import dev.fovea.converter.Conversion;
import dev.fovea.converter.ConversionCache;
import dev.fovea.kernels.WeightFormat;
import java.nio.file.Path;

/// Converts a checkpoint given to a command in place of a model file.
///
/// It is a class of its own because picocli inspects every method of a class with options, and a start with a model file should not
/// load the converter.
final class OnTheFlyConversion {
  private OnTheFlyConversion() {}

  /// The converted model. A conversion is announced in one line, because it takes time and disk space; a cached result is not.
  ///
  /// @param refuse whether to refuse a checkpoint that is not converted yet
  static Path of(Path model, boolean refuse) {
    var cache = refuse ? ConversionCache.refusing("--no-cache") : ConversionCache.ofUser();
    try (var bar = new Terminal.ProgressBar()) {
      var conversion = Conversion.to(WeightFormat.F32).withProgress(
          (what, done, all) -> bar.update((double) done / Math.max(1, all), what));
      return cache.resolve(model, conversion, file -> bar.complain("converting " + model + ", once, to " + file),
          report -> ConvertCommand.complain(model, report, WeightFormat.F32, bar::complain));
    }
  }
}
