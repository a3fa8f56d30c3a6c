package dev.fovea.models.sam;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.MemoryUse;
import dev.fovea.models.OpenModel;
import dev.fovea.models.OpenOptions;
import java.nio.file.Path;
import java.util.Map;

/// Prediction of masks from prompts, from a Segment Anything model file. Any number of threads may use it, each with its own
/// [SamSession]. It may be closed at any time, as [OpenModel] says, and then closes the sessions that are open. A null argument is
/// refused with a [NullPointerException] that names the parameter.
public final class MaskPredictor implements AutoCloseable {
  private static final String FINGERPRINT = "image_encoder.pos_embed";

  private final OpenModel opened;
  private final Sam model;
  private final Preprocessing preprocessing;

  private MaskPredictor(OpenModel opened) {
    this.opened = opened;
    try {
      model = opened.model(Sam.class, "a Segment Anything model");
      preprocessing = Preprocessing.of(opened.header().preprocessing());
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, or it is not a Segment Anything model
  /// @see #open(Path, OpenOptions)
  public static MaskPredictor open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, or it is not a Segment Anything model, or does not fit in memory
  /// @throws CancelledException if the thread is interrupted
  public static MaskPredictor open(Path file, OpenOptions options) {
    return new MaskPredictor(OpenModel.open(file, options));
  }

  /// Creates a predictor from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open and
  /// which must not be closed before it; as [OpenModel#of].
  ///
  /// @throws CheckpointException if it is not a Segment Anything model
  public static MaskPredictor of(Checkpoint checkpoint, Kernels kernels) {
    return new MaskPredictor(OpenModel.of(checkpoint, kernels));
  }

  /// Creates a session, which handles one picture at a time, and holds no memory before [SamSession#setImage] or [SamSession#load].
  /// The caller closes it; a session that nobody closes keeps its memory until the predictor is closed.
  ///
  /// @throws IllegalStateException if the predictor is closed
  public SamSession session() {
    return new SamSession(this, opened.session());
  }

  Sam model() {
    return model;
  }

  Checkpoint checkpoint() {
    return opened.checkpoint();
  }

  Preprocessing preprocessing() {
    return preprocessing;
  }

  /// Metadata that distinguishes a picture's embedding of this model from those of other models.
  Map<String, String> fingerprint() {
    long checksum = opened.checkpoint().reading(() -> opened.checkpoint().tensor(FINGERPRINT).checksum());
    return Map.of("config", model.config().toJson().toString(), "model", Long.toHexString(checksum));
  }

  /// The number of parameters of the model.
  public long parameters() {
    return opened.parameters();
  }

  /// Height and width of a mask in a prompt.
  public int maskSize() {
    return model.config().maskSize();
  }

  /// The memory held now, as [OpenModel#memory()].
  public MemoryUse memory() {
    return opened.memory();
  }

  /// Frees what the next calls can do without, as [OpenModel#trim()].
  public void trim() {
    opened.trim();
  }

  /// Family, parameters, file, kernels and threads.
  @Override
  public String toString() {
    return "MaskPredictor: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says. Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
