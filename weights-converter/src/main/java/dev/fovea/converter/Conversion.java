package dev.fovea.converter;

import dev.fovea.kernels.WeightFormat;
import java.nio.file.Path;
import org.jetbrains.annotations.Nullable;

/// What a conversion is asked for.
///
/// @param format element format of the matrices; everything else is stored as float32
/// @param config the file that tells what the model is; null for the one beside the weights
/// @param preset name of the published model whose sizes these are, instead of a config; null for none
/// @param progress hears how far the writing has come
public record Conversion(WeightFormat format, @Nullable Path config, @Nullable String preset, Progress progress) {
  /// Hears how far a conversion has come.
  @FunctionalInterface
  public interface Progress {
    /// Called now and then on the thread that converts.
    ///
    /// @param tensor the parameter that is being written
    /// @param done bytes of parameters that are written
    /// @param total bytes that all have together
    void advanced(String tensor, long done, long total);
  }

  /// Of a model that its folder describes, heard by nobody.
  public static Conversion to(WeightFormat format) {
    return new Conversion(format, null, null, (_, _, _) -> {});
  }

  /// The same with the config of another file.
  public Conversion withConfig(@Nullable Path file) {
    return new Conversion(format, file, preset, progress);
  }

  /// The same with the sizes of a published model.
  public Conversion withPreset(@Nullable String name) {
    return new Conversion(format, config, name, progress);
  }

  /// The same, heard by `listener`.
  public Conversion withProgress(Progress listener) {
    return new Conversion(format, config, preset, listener);
  }
}
