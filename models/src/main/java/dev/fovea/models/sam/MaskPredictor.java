package dev.fovea.models.sam;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.OpenModel;
import java.nio.file.Path;
import java.util.Map;

/// Prediction of masks from prompts, from a Segment Anything model file. Any number of threads may use it, each with its own
/// [SamSession]. Close it when no session is open.
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
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with the fastest kernels and one thread per processor. The weights are loaded into memory.
  ///
  /// @throws CheckpointException if there is no such file, or it is not a Segment Anything model
  /// @see #open(Path, Residency)
  public static MaskPredictor open(Path file) {
    return open(file, Residency.LOADED);
  }

  /// Opens a model file with the fastest kernels and one thread per processor.
  ///
  /// @param residency whether to load the weights into memory or to use them from the mapped file
  /// @throws CheckpointException if there is no such file, or it is not a Segment Anything model, or does not fit in memory
  public static MaskPredictor open(Path file, Residency residency) {
    return new MaskPredictor(OpenModel.open(file, residency));
  }

  /// Creates a predictor from an open checkpoint, which it closes, and from kernels, which it leaves open.
  ///
  /// @throws CheckpointException if it is not a Segment Anything model
  public static MaskPredictor of(Checkpoint checkpoint, Kernels kernels) {
    return new MaskPredictor(OpenModel.of(checkpoint, kernels));
  }

  /// Creates a session, which handles one picture at a time.
  ///
  /// @throws IllegalStateException if the predictor is closed
  public SamSession session() {
    return new SamSession(this, opened.workspace());
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
    return Map.of("config", model.config().toJson().toString(), "model",
        Long.toHexString(opened.checkpoint().tensor(FINGERPRINT).checksum()));
  }

  /// The number of parameters of the model.
  public long parameters() {
    return opened.parameters();
  }

  /// Height and width of a mask in a prompt.
  public int maskSize() {
    return model.config().maskSize();
  }

  /// Closes the model file; closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
