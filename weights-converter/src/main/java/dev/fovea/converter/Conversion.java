package dev.fovea.converter;

import dev.fovea.kernels.WeightFormat;
import java.nio.file.Path;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The options of a conversion.
///
/// @param format element format of the matrices; everything else is stored as float32. [WeightFormat#Q8] is for the matrices of a
///   language model, with a token embedding that is the head too; other matrices and the tables of embeddings are then float16
/// @param config the model's config file; null for the one beside the weights
/// @param preset name of the published model with these sizes, instead of a config; null for none
/// @param towers whether all matrices count as a language model's, also those of image encoders
/// @param progress gets the progress of writing
public record Conversion(WeightFormat format, @Nullable Path config, @Nullable String preset, boolean towers,
    Progress progress) {
  public Conversion {
    Objects.requireNonNull(format, "format");
    Objects.requireNonNull(progress, "progress");
  }

  /// Receives a conversion's progress.
  @FunctionalInterface
  public interface Progress {
    /// Called now and then on the converting thread.
    ///
    /// @param tensor the parameter being written
    /// @param done bytes of parameters written so far
    /// @param total bytes of all parameters
    void advanced(String tensor, long done, long total);
  }

  /// A conversion with the config beside the weights, without a progress listener.
  public static Conversion to(WeightFormat format) {
    Objects.requireNonNull(format, "format");
    return new Conversion(format, null, null, false, (_, _, _) -> {});
  }

  /// The same with another config file.
  public Conversion withConfig(@Nullable Path file) {
    return new Conversion(format, file, preset, towers, progress);
  }

  /// The same with the sizes of a published model.
  public Conversion withPreset(@Nullable String name) {
    return new Conversion(format, config, name, towers, progress);
  }

  /// The same with all matrices in 8 bits if the format is [WeightFormat#Q8], also those of image encoders.
  public Conversion withTowers(boolean all) {
    return new Conversion(format, config, preset, all, progress);
  }

  /// The same with a progress listener.
  public Conversion withProgress(Progress listener) {
    Objects.requireNonNull(listener, "listener");
    return new Conversion(format, config, preset, towers, listener);
  }
}
