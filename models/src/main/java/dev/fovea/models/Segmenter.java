package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Kernels;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// A model file that says what each pixel of a picture shows.
///
/// Beside the model's own workspace, whose size does not depend on the picture's, a call needs 6 bytes a pixel and a row of logits
/// a thread: the logits of all pixels never exist at once.
///
/// It may be shared by any number of threads. Close it when no call is running.
public final class Segmenter implements AutoCloseable {
  /// What 16 bits can tell apart.
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
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with the fastest kernels and a thread a processor. Its weights are loaded into memory.
  ///
  /// @throws CheckpointException if there is no such file, or it is not a model that segments pictures
  /// @see #open(Path, Residency)
  public static Segmenter open(Path file) {
    return open(file, Residency.LOADED);
  }

  /// Opens a model file with the fastest kernels and a thread a processor.
  ///
  /// @param residency whether its weights are loaded into memory, or stay in the mapped file
  /// @throws CheckpointException if there is no such file, or it is not a model that segments pictures, or does not
  ///     fit in memory
  public static Segmenter open(Path file, Residency residency) {
    return new Segmenter(OpenModel.open(file, residency));
  }

  /// A segmenter over an open checkpoint, which it closes, and kernels, which it leaves open.
  ///
  /// @throws CheckpointException if it is not a model that segments pictures
  public static Segmenter of(Checkpoint checkpoint, Kernels kernels) {
    return new Segmenter(OpenModel.of(checkpoint, kernels));
  }

  /// The class of every pixel of a picture file.
  ///
  /// @throws ImageException if the file is no picture, or too small or too long
  public Segmentation segment(Path picture) {
    return segment(Picture.read(picture), Progress.NONE);
  }

  /// The class of every pixel of a picture: the largest of the logits after they were resampled bilinearly to the picture's
  /// size (ref: transformers `SegformerImageProcessor.post_process_semantic_segmentation`).
  ///
  /// @throws ImageException if the picture is too small or too long, or its preprocessed size is none that the model takes
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated meanwhile
  /// @throws IllegalStateException if the segmenter is closed
  public Segmentation segment(Picture picture, Progress progress) {
    var input = preprocessing.apply(picture, model.minSide());
    var image = new OpenModel.Input(input.values(), 1, 3, input.height(), input.width());
    try {
      return opened.run("logits", Map.of("x", image), inputs -> List.of(model.logits(inputs.get("x"))),
          logits -> largest(logits.getFirst(), picture.height(), picture.width()), progress);
    } catch (InputException e) {
      throw new ImageException(picture.name() + ": after preprocessing: " + e.getMessage(), e);
    }
  }

  /// The largest of the logits `[1, h, w, classes]` for each pixel. This is a pass of its own, so that only it is planned for each
  /// size of picture.
  private Segmentation largest(Tensor logits, int height, int width) {
    try (var workspace = new Workspace(opened.kernels())) {
      var classes = workspace.run("classes", logits, x -> x.argmax(height, width, Interpolation.BILINEAR), List::of);
      return Segmentation.of(width, height, numbers(classes.select(0, 0)), labels());
    }
  }

  private static short[] numbers(Tensor classes) {
    int height = classes.dim(0), width = classes.dim(1);
    var numbers = new short[height * width];
    for (int y = 0, to = 0; y < height; y++)
      for (float c : classes.slice(0, y, y + 1).toArray()) numbers[to++] = (short) c;
    return numbers;
  }

  /// How many numbers the model has.
  public long parameters() {
    return opened.parameters();
  }

  /// Names of the classes, in order.
  public List<String> labels() {
    return opened.header().labels();
  }

  /// Colours of the classes, `0xRRGGBB`.
  public List<Integer> palette() {
    return opened.header().palette();
  }

  /// Closes the model file; closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
