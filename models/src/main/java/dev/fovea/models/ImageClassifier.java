package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.argument.Arguments;
import dev.fovea.models.argument.PictureInput;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.Function;

/// A classifier of pictures, from a model file.
///
/// A picture is given as the program has it:
///
/// | argument | name in error messages | |
/// |---|---|---|
/// | [Path] | the path | the file is read once |
/// | `byte[]` | `picture` | the contents of a file; neither kept nor changed |
/// | [InputStream] | `picture` | the contents of a file; read to its end, left open |
/// | [BufferedImage] | `picture` | copied |
/// | [Picture] | its own, such as from [Picture#decode(String, byte\[\])] | neither kept nor changed |
/// | list of [Picture]s | each its own | a batch; the list is copied |
///
/// Arguments are checked before any work. A null argument is refused with a [NullPointerException] that names the parameter.
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
    } catch (RuntimeException | Error e) {
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
  /// @throws CancelledException if the thread is interrupted
  public static ImageClassifier open(Path file, OpenOptions options) {
    return new ImageClassifier(OpenModel.open(file, options));
  }

  /// Creates a classifier from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open
  /// and which must not be closed before it; as [OpenModel#of].
  ///
  /// @throws CheckpointException if the model does not classify pictures
  public static ImageClassifier of(Checkpoint checkpoint, Kernels kernels) {
    return new ImageClassifier(OpenModel.of(checkpoint, kernels));
  }

  /// All classes of a picture file, most probable first; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(Path picture) {
    return one(PictureInput.of(picture), labels.size(), Progress.NONE);
  }

  /// The `top` most probable classes of a picture file; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(Path picture, int top) {
    return one(PictureInput.of(picture), top, Progress.NONE);
  }

  /// All classes of a picture file, most probable first, with progress; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(Path picture, Progress progress) {
    return one(PictureInput.of(picture), labels.size(), progress);
  }

  /// The `top` most probable classes of a picture file, with progress; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(Path picture, int top, Progress progress) {
    return one(PictureInput.of(picture), top, progress);
  }

  /// All classes of the contents of a picture file, most probable first; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(byte[] picture) {
    return one(PictureInput.of(picture), labels.size(), Progress.NONE);
  }

  /// The `top` most probable classes of the contents of a picture file; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(byte[] picture, int top) {
    return one(PictureInput.of(picture), top, Progress.NONE);
  }

  /// All classes of the contents of a picture file, most probable first, with progress; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(byte[] picture, Progress progress) {
    return one(PictureInput.of(picture), labels.size(), progress);
  }

  /// The `top` most probable classes of the contents of a picture file, with progress; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(byte[] picture, int top, Progress progress) {
    return one(PictureInput.of(picture), top, progress);
  }

  /// All classes of a stream of a picture file, most probable first; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(InputStream picture) {
    return one(PictureInput.of(picture), labels.size(), Progress.NONE);
  }

  /// The `top` most probable classes of a stream of a picture file; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(InputStream picture, int top) {
    return one(PictureInput.of(picture), top, Progress.NONE);
  }

  /// All classes of a stream of a picture file, most probable first, with progress; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(InputStream picture, Progress progress) {
    return one(PictureInput.of(picture), labels.size(), progress);
  }

  /// The `top` most probable classes of a stream of a picture file, with progress; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(InputStream picture, int top, Progress progress) {
    return one(PictureInput.of(picture), top, progress);
  }

  /// All classes of an image, most probable first; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(BufferedImage picture) {
    return one(PictureInput.of(picture), labels.size(), Progress.NONE);
  }

  /// The `top` most probable classes of an image; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(BufferedImage picture, int top) {
    return one(PictureInput.of(picture), top, Progress.NONE);
  }

  /// All classes of an image, most probable first, with progress; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(BufferedImage picture, Progress progress) {
    return one(PictureInput.of(picture), labels.size(), progress);
  }

  /// The `top` most probable classes of an image, with progress; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(BufferedImage picture, int top, Progress progress) {
    return one(PictureInput.of(picture), top, progress);
  }

  /// All classes of a picture, most probable first; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(Picture picture) {
    return one(PictureInput.of(picture), labels.size(), Progress.NONE);
  }

  /// The `top` most probable classes of a picture; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(Picture picture, int top) {
    return one(PictureInput.of(picture), top, Progress.NONE);
  }

  /// All classes of a picture, most probable first, with progress; as [#classify(Picture, int, Progress)].
  public List<Classification> classify(Picture picture, Progress progress) {
    return one(PictureInput.of(picture), labels.size(), progress);
  }

  /// The `top` most probable classes of a picture, most probable first. A call costs a pass of the model; what the passes of
  /// pictures of one preprocessed size have in common is computed in the first and kept.
  ///
  /// @param top number of classes; all if there are fewer
  /// @param progress called on the calling thread before each operation of the pass
  /// @return an unmodifiable list of the caller's own
  /// @throws ImageException if the picture cannot be read, is too small or too elongated, or the model does not accept its
  ///     preprocessed size
  /// @throws IllegalArgumentException if `top` is not positive
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the classifier is closed
  public List<Classification> classify(Picture picture, int top, Progress progress) {
    return one(PictureInput.of(picture), top, progress);
  }

  /// All classes of each picture, most probable first; as [#classify(List, int, Progress)].
  public List<List<Classification>> classify(List<Picture> pictures) {
    return classify(pictures, labels.size(), Progress.NONE);
  }

  /// The `top` most probable classes of each picture; as [#classify(List, int, Progress)].
  public List<List<Classification>> classify(List<Picture> pictures, int top) {
    return classify(pictures, top, Progress.NONE);
  }

  /// All classes of each picture, most probable first, with progress; as [#classify(List, int, Progress)].
  public List<List<Classification>> classify(List<Picture> pictures, Progress progress) {
    return classify(pictures, labels.size(), progress);
  }

  /// The `top` most probable classes of each picture, in the order of the pictures: bit-identical to those of separate calls.
  /// As many passes run at once as [OpenModel#each] says.
  ///
  /// @param pictures may be empty
  /// @throws IllegalArgumentException if `top` is not positive
  /// @see #classify(Picture, int, Progress)
  public List<List<Classification>> classify(List<Picture> pictures, int top, Progress progress) {
    Arguments.top(top);
    return Batches.run(opened, pictures, preprocessing, model.minSide(), (images, batch, listener) ->
        Batches.rows(opened.run("scores", images, x -> model.logits(x).softmax(), listener), batch.size()).stream()
            .map(scores -> Classification.likeliest(scores, labels, top)).toList(), progress);
  }

  private List<Classification> one(PictureInput picture, int top, Progress progress) {
    Arguments.top(top);
    Objects.requireNonNull(progress, "progress");
    return classify(List.of(picture.decode()), top, progress).getFirst();
  }

  /// Calls this for each of many inputs, as many at once as is fast, while other pictures are decoded, and uses the results on this
  /// thread, in the order of the inputs; as [OpenModel#each].
  ///
  /// @param prepare such as `file -> Picture.read(file)`; called on any thread
  /// @param compute calls `classify`; called on any thread
  public <T, P, R> void each(List<T> inputs, Function<? super T, ? extends P> prepare, Function<? super P, ? extends R> compute,
      BiConsumer<? super T, ? super R> use) {
    opened.each(inputs, prepare, compute, use);
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
