package dev.fovea.models.sam;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.Constants;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.LoadedModel;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;

/// A model file that finds masks. It may be shared by any number of threads, each with its own [SamSession]. Close it when no
/// session is open.
public final class MaskPredictor implements AutoCloseable {
  private static final String FINGERPRINT = "image_encoder.pos_embed";

  private final Checkpoint checkpoint;
  private final Arena arena = Arena.ofShared();
  private final Kernels kernels;
  private final boolean ownsKernels;
  private final Sam model;
  private final long parameters;
  private final Preprocessing preprocessing;
  private final Constants constants = new Constants(Constants.DEFAULT_BYTES);
  private boolean closed;

  private MaskPredictor(Checkpoint checkpoint, Kernels kernels, boolean ownsKernels) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.ownsKernels = ownsKernels;
    try {
      var header = ModelHeader.of(checkpoint);
      var loaded = LoadedModel.of(checkpoint, header, arena);
      if (!(loaded.model() instanceof Sam sam))
        throw new CheckpointException(checkpoint.name() + ": expected a Segment Anything model, got family " + header.family());
      model = sam;
      parameters = loaded.parameters();
      preprocessing = Preprocessing.of(header.preprocessing());
    } catch (RuntimeException e) {
      arena.close();
      checkpoint.close();
      if (ownsKernels) kernels.close();
      throw e;
    }
  }

  /// Opens a model file with the fastest kernels and a thread a processor. Its weights are loaded into memory.
  ///
  /// @throws CheckpointException if there is no such file, or it is no Segment Anything model
  /// @see #open(Path, Residency)
  public static MaskPredictor open(Path file) {
    return open(file, Residency.LOADED);
  }

  /// Opens a model file with the fastest kernels and a thread a processor.
  ///
  /// @param residency whether its weights are loaded into memory, or stay in the mapped file
  /// @throws CheckpointException if there is no such file, or it is no Segment Anything model, or does not
  ///     fit in memory
  public static MaskPredictor open(Path file, Residency residency) {
    var checkpoint = Checkpoint.open(file, residency);
    return new MaskPredictor(checkpoint, KernelProvider.auto(Workers.all()), true);
  }

  /// A predictor over an open checkpoint, which it closes, and kernels, which it leaves open.
  ///
  /// @throws CheckpointException if it is no Segment Anything model
  public static MaskPredictor of(Checkpoint checkpoint, Kernels kernels) {
    return new MaskPredictor(checkpoint, kernels, false);
  }

  /// A session about one picture at a time.
  ///
  /// @throws IllegalStateException if the predictor is closed
  public SamSession session() {
    if (closed) throw new IllegalStateException(checkpoint.name() + ": the predictor is closed");
    return new SamSession(this);
  }

  Sam model() {
    return model;
  }

  Kernels kernels() {
    return kernels;
  }

  Checkpoint checkpoint() {
    return checkpoint;
  }

  Preprocessing preprocessing() {
    return preprocessing;
  }

  /// What the sessions compute once for all of them.
  Constants constants() {
    return constants;
  }

  /// What tells a picture's embedding by this model from another's.
  Map<String, String> fingerprint() {
    return Map.of("config", model.config().toJson().toString(), "model",
        Long.toHexString(checkpoint.tensor(FINGERPRINT).checksum()));
  }

  /// How many numbers the model has.
  public long parameters() {
    return parameters;
  }

  /// Height and width of the masks that prompts may hold.
  public int maskSize() {
    return model.config().maskSize();
  }

  /// Closes the model file; closing twice is harmless.
  @Override
  public void close() {
    if (closed) return;
    closed = true;
    checkpoint.close();
    arena.close();
    if (ownsKernels) kernels.close();
  }
}
