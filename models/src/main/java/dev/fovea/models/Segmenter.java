package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.argument.PictureInput;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.IntStream;

/// Semantic segmentation of pictures, from a model file.
///
/// Beside the model's workspace, whose size is independent of the picture's, a call needs 6 bytes per pixel and one row of logits
/// per thread: the logits of all pixels are never in memory at once.
///
/// Pictures are given in the forms that [ImageClassifier] describes. Arguments are checked before any work. A null argument is
/// refused with a [NullPointerException] that names the parameter.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class Segmenter implements AutoCloseable {
  /// The number of values of 16 bits.
  private static final int MAX_CLASSES = 1 << 16;

  private final OpenModel opened;
  private final SegmentsPictures model;
  private final Preprocessing preprocessing;

  private Segmenter(OpenModel opened) {
    this.opened = opened;
    try {
      var header = opened.header();
      model = opened.model(SegmentsPictures.class, "a model that segments pictures");
      int classes = model.numClasses();
      if (classes > MAX_CLASSES) throw new CheckpointException(opened.name() + ": " + classes + " classes are more than "
          + MAX_CLASSES);
      if (header.labels().size() != classes)
        throw new CheckpointException(opened.name() + ": expected " + classes + " labels, got " + header.labels().size());
      if (header.palette().size() != classes)
        throw new CheckpointException(opened.name() + ": expected " + classes + " colours in the palette, got "
            + header.palette().size());
      preprocessing = Preprocessing.of(header.preprocessing());
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, or its model does not segment pictures
  /// @see #open(Path, OpenOptions)
  public static Segmenter open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, its model does not segment pictures, or it does not fit in memory
  /// @throws CancelledException if the thread is interrupted
  public static Segmenter open(Path file, OpenOptions options) {
    return new Segmenter(OpenModel.open(file, options));
  }

  /// Creates a segmenter from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open and
  /// which must not be closed before it; as [OpenModel#of].
  ///
  /// @throws CheckpointException if the model does not segment pictures
  public static Segmenter of(Checkpoint checkpoint, Kernels kernels) {
    return new Segmenter(OpenModel.of(checkpoint, kernels));
  }

  /// The class of every pixel of a picture file; as [#segment(Picture, Progress)].
  public Segmentation segment(Path picture) {
    return one(PictureInput.of(picture), Progress.NONE);
  }

  /// The class of every pixel of a picture file, with progress; as [#segment(Picture, Progress)].
  public Segmentation segment(Path picture, Progress progress) {
    return one(PictureInput.of(picture), progress);
  }

  /// The class of every pixel of the contents of a picture file; as [#segment(Picture, Progress)].
  public Segmentation segment(byte[] picture) {
    return one(PictureInput.of(picture), Progress.NONE);
  }

  /// The class of every pixel of the contents of a picture file, with progress; as [#segment(Picture, Progress)].
  public Segmentation segment(byte[] picture, Progress progress) {
    return one(PictureInput.of(picture), progress);
  }

  /// The class of every pixel of a stream of a picture file; as [#segment(Picture, Progress)].
  public Segmentation segment(InputStream picture) {
    return one(PictureInput.of(picture), Progress.NONE);
  }

  /// The class of every pixel of a stream of a picture file, with progress; as [#segment(Picture, Progress)].
  public Segmentation segment(InputStream picture, Progress progress) {
    return one(PictureInput.of(picture), progress);
  }

  /// The class of every pixel of an image; as [#segment(Picture, Progress)].
  public Segmentation segment(BufferedImage picture) {
    return one(PictureInput.of(picture), Progress.NONE);
  }

  /// The class of every pixel of an image, with progress; as [#segment(Picture, Progress)].
  public Segmentation segment(BufferedImage picture, Progress progress) {
    return one(PictureInput.of(picture), progress);
  }

  /// The class of every pixel of a picture; as [#segment(Picture, Progress)].
  public Segmentation segment(Picture picture) {
    return one(PictureInput.of(picture), Progress.NONE);
  }

  /// The class of every pixel of a picture: the largest logit after bilinear resampling to the picture's size (ref: transformers
  /// `SegformerImageProcessor.post_process_semantic_segmentation`). A call costs a pass of the model, and the resampling in
  /// proportion to pixels and classes; what the passes of pictures of one preprocessed size have in common is computed in the first
  /// and kept.
  ///
  /// @param progress called on the calling thread before each operation of the pass
  /// @return the caller's own
  /// @throws ImageException if the picture cannot be read, is too small or too elongated, or the model does not accept its
  ///     preprocessed size
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the segmenter is closed
  public Segmentation segment(Picture picture, Progress progress) {
    return one(PictureInput.of(picture), progress);
  }

  /// The classes of the pixels of each picture; as [#segment(List, Progress)].
  public List<Segmentation> segment(List<Picture> pictures) {
    return segment(pictures, Progress.NONE);
  }

  /// The classes of the pixels of each picture, in the order of the pictures: bit-identical to those of separate calls. As
  /// many passes run at once as [OpenModel#each] says.
  ///
  /// @param pictures may be empty
  /// @see #segment(Picture, Progress)
  public List<Segmentation> segment(List<Picture> pictures, Progress progress) {
    return Batches.run(opened, pictures, preprocessing, model.minSide(), (images, batch, listener) ->
        opened.run("logits", Map.of("x", images), inputs -> List.of(model.logits(inputs.get("x"))),
            logits -> largest(logits.getFirst(), batch), listener), progress);
  }

  private Segmentation one(PictureInput picture, Progress progress) {
    Objects.requireNonNull(progress, "progress");
    return segment(List.of(picture.decode()), progress).getFirst();
  }

  /// The class with the largest of the logits `[B, h, w, classes]` for each pixel: a pass of its own, so that only this operation
  /// is planned for each picture size.
  private List<Segmentation> largest(Tensor logits, List<Picture> pictures) {
    try (var workspace = new Workspace(opened.kernels())) {
      return IntStream.range(0, pictures.size()).mapToObj(i -> {
        int height = pictures.get(i).height(), width = pictures.get(i).width();
        var classes = workspace.run("classes of " + width + "x" + height, logits.slice(0, i, i + 1),
            x -> x.argmax(height, width, Interpolation.BILINEAR), List::of);
        return Segmentation.of(width, height, numbers(classes.select(0, 0)), labels());
      }).toList();
    }
  }

  private static short[] numbers(Tensor classes) {
    int height = classes.dim(0), width = classes.dim(1);
    var numbers = new short[height * width];
    for (int y = 0, to = 0; y < height; y++)
      for (float c : classes.slice(0, y, y + 1).toArray()) numbers[to++] = (short) c;
    return numbers;
  }

  /// Calls this for each of many inputs, as many at once as is fast, while other pictures are decoded, and uses the results on this
  /// thread, in the order of the inputs; as [OpenModel#each].
  ///
  /// @param prepare such as `file -> Picture.read(file)`; called on any thread
  /// @param compute calls `segment`; called on any thread
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
    return opened.header().labels();
  }

  /// Colours of the classes, `0xRRGGBB`.
  public List<Integer> palette() {
    return opened.header().palette();
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
    return "Segmenter: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says. Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
