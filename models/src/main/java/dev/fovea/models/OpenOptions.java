package dev.fovea.models;

import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.kernels.WarmUp;
import dev.fovea.kernels.Workers;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// How to open a model file.
///
/// ```java
/// var options = OpenOptions.DEFAULT.withResidency(Residency.MAPPED).withWarmUp(true);
/// try (var classifier = ImageClassifier.open(file, options)) { … }
/// ```
///
/// Immutable, so any number of models may be opened with the same options. No option starts anything before a model is opened.
///
/// @param workers threads to compute with, which stay open when the model is closed and must not be closed before it; null for
///     [Workers#shared()], which all models of the process share, with one thread per processor
/// @param residency whether to load the weights into memory or to use them from the mapped file
/// @param warmUp whether to start [WarmUp], once per process: it makes the first passes of a process faster and later ones no
///     different
public record OpenOptions(@Nullable Workers workers, Residency residency, boolean warmUp) {
  /// The process's shared workers, weights loaded into memory, no warm-up.
  public static final OpenOptions DEFAULT = new OpenOptions(null, Residency.LOADED, false);

  public OpenOptions {
    Objects.requireNonNull(residency, "residency");
  }

  /// The same options with these workers, which the caller closes after the model; null for [Workers#shared()].
  public OpenOptions withWorkers(@Nullable Workers workers) {
    return new OpenOptions(workers, residency, warmUp);
  }

  /// The same options with the weights at this place.
  public OpenOptions withResidency(Residency residency) {
    return new OpenOptions(workers, residency, warmUp);
  }

  /// The same options with or without a warm-up.
  public OpenOptions withWarmUp(boolean warmUp) {
    return new OpenOptions(workers, residency, warmUp);
  }
}
