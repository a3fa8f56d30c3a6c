package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Residency;
import java.nio.file.Path;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.Option;

/// `--no-cache` and `--weights`, the options for opening MODEL.
final class ModelOptions {
  static final String MODEL = "A model file, or the folder or weights of a published checkpoint.";

  @Option(names = "--no-cache",
      description = "Refuse a checkpoint that is not converted. Else it is converted once, and the result kept in "
          + "the user's cache.")
  private boolean noCache;

  @Option(names = "--weights", paramLabel = "WHERE",
      description = "mapped: leave them in the file, which starts soonest; loaded: read them into memory, for many passes "
          + "(default: mapped; of bench and trace loaded).")
  private @Nullable Residency weights;

  /// Opens a model file, or a published checkpoint, which is converted unless it is cached. Error messages use the user's path.
  ///
  /// @param otherwise where its weights are without `--weights`
  /// @throws CheckpointException if it is neither, or does not fit in memory
  Checkpoint open(Path model, Residency otherwise) {
    return openAt(model, weights == null ? otherwise : weights);
  }

  /// The same with the weights in the file, to look at what the model is.
  Checkpoint mapped(Path model) {
    return openAt(model, Residency.MAPPED);
  }

  private Checkpoint openAt(Path model, Residency residency) {
    var mapped = ModelHeader.open(model);
    if (mapped != null && residency == Residency.MAPPED) return mapped;
    if (mapped != null) mapped.close();
    return Checkpoint.open(mapped != null ? model : OnTheFlyConversion.of(model, noCache), model.toString(), residency);
  }

  /// The same for a command that may end after one pass: mapping starts sooner.
  Checkpoint open(Path model) {
    return open(model, Residency.MAPPED);
  }
}
