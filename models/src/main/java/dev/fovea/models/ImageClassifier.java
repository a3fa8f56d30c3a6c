package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.Kernels;
import java.nio.file.Path;
import java.util.List;

/// A classifier of pictures, from a model file.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class ImageClassifier implements AutoCloseable {
  private final OpenModel opened;
  private final ClassifiesPictures model;
  private final Preprocessing preprocessing;
  private final List<String> labels;

  private ImageClassifier(OpenModel opened) {
    this.opened = opened;
    try {
      var header = opened.header();
      if (!(opened.model() instanceof ClassifiesPictures classifies) || classifies.numClasses() == 0)
        throw new CheckpointException(opened.name() + ": expected a model that classifies pictures, got family " + header.family()
            + " without a classification head");
      if (header.labels().size() != classifies.numClasses())
        throw new CheckpointException(opened.name() + ": expected " + classifies.numClasses() + " labels, got "
            + header.labels().size());
      model = classifies;
      labels = header.labels();
      preprocessing = Preprocessing.of(header.preprocessing());
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, or its model does not classify pictures
  /// @see #open(Path, OpenOptions)
  public static ImageClassifier open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, its model does not classify pictures, or it does not fit in memory
  public static ImageClassifier open(Path file, OpenOptions options) {
    return new ImageClassifier(OpenModel.open(file, options));
  }

  /// Creates a classifier from an open checkpoint, which it closes, and from kernels, which it leaves open and which must not be
  /// closed before it.
  ///
  /// @throws CheckpointException if the model does not classify pictures
  public static ImageClassifier of(Checkpoint checkpoint, Kernels kernels) {
    return new ImageClassifier(OpenModel.of(checkpoint, kernels));
  }

  /// All classes of a picture file, most probable first.
  ///
  /// @throws ImageException if the file is not a picture, or the picture is too small or too elongated
  public List<Classification> classify(Path picture) {
    return classify(Picture.read(picture), labels.size(), Progress.NONE);
  }

  /// The `top` most probable classes of a picture, most probable first.
  ///
  /// @throws ImageException if the picture is too small or too elongated, or the model does not accept its preprocessed size
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the classifier is closed
  public List<Classification> classify(Picture picture, int top, Progress progress) {
    return Classification.likeliest(scores(picture, progress), labels, top);
  }

  private float[] scores(Picture picture, Progress progress) {
    var input = preprocessing.apply(picture, model.minSide());
    var image = OpenModel.Input.of(input);
    try {
      return opened.run("scores", image, x -> model.logits(x).softmax(), progress);
    } catch (InputException e) {
      throw new ImageException(picture.name() + ": after preprocessing: " + e.getMessage(), e);
    }
  }

  /// The number of parameters of the model.
  public long parameters() {
    return opened.parameters();
  }

  /// The names of the classes, in index order.
  public List<String> labels() {
    return labels;
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
    return "ImageClassifier: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says. Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
