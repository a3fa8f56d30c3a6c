package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/// A model file that says what each pixel of a picture shows.
///
/// Beside the model's own workspace, whose size does not depend on the picture's, a call needs 6 bytes a pixel and a row of logits
/// a thread: the logits of all pixels never exist at once.
///
/// It may be shared by any number of threads; each call borrows a workspace, of which there are as many as there were ever
/// calls at once. Close it when no call is running.
public final class Segmenter implements AutoCloseable {
  /// What 16 bits can tell apart.
  private static final int MAX_CLASSES = 1 << 16;

  private final Checkpoint checkpoint;
  private final Arena arena;
  private final Kernels kernels;
  private final boolean ownsKernels;
  private final SegmentsPictures model;
  private final long parameters;
  private final Preprocessing preprocessing;
  private final List<String> labels;
  private final List<Integer> palette;
  private final ArrayDeque<Workspace> idle = new ArrayDeque<>();
  private boolean closed;

  private Segmenter(Checkpoint checkpoint, Kernels kernels, boolean ownsKernels) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.ownsKernels = ownsKernels;
    arena = Arena.ofShared();
    try {
      var header = ModelHeader.of(checkpoint);
      var loaded = ModelRun.of(checkpoint, header, arena);
      if (!(loaded.model() instanceof SegmentsPictures segments))
        throw new CheckpointException(checkpoint.name() + ": expected a model that segments pictures, got family " + header.family());
      int classes = segments.numClasses();
      if (classes > MAX_CLASSES) throw new CheckpointException(checkpoint.name() + ": " + classes + " classes are more than " + MAX_CLASSES);
      if (header.labels().size() != classes)
        throw new CheckpointException(checkpoint.name() + ": expected " + classes + " labels, got " + header.labels().size());
      if (header.palette().size() != classes)
        throw new CheckpointException(checkpoint.name() + ": expected " + classes + " colours in the palette, got " + header.palette().size());
      model = segments;
      palette = header.palette();
      parameters = loaded.parameters();
      labels = header.labels();
      preprocessing = Preprocessing.of(header.preprocessing());
    } catch (RuntimeException e) {
      arena.close();
      checkpoint.close();
      if (ownsKernels) kernels.close();
      throw e;
    }
  }

  /// Opens a model file with the fastest kernels and a thread a processor.
  ///
  /// @throws CheckpointException if there is no such file, or it is not a model that segments pictures
  public static Segmenter open(Path file) {
    var checkpoint = Checkpoint.open(file);
    return new Segmenter(checkpoint, KernelProvider.auto(Workers.all()), true);
  }

  /// A segmenter over an open checkpoint, which it closes, and kernels, which it leaves open.
  ///
  /// @throws CheckpointException if it is not a model that segments pictures
  public static Segmenter of(Checkpoint checkpoint, Kernels kernels) {
    return new Segmenter(checkpoint, kernels, false);
  }

  /// The class of every pixel of a picture file.
  ///
  /// @throws ImageException if the file is no picture, or too small or too long
  public Segmentation segment(Path picture) {
    return segment(Picture.read(picture), Progress.NONE);
  }

  /// The class of every pixel of a picture: the largest of the logits after they were resampled bilinearly to the picture's size (ref:
  /// transformers `SegformerImageProcessor.post_process_semantic_segmentation`).
  ///
  /// @throws ImageException if the picture is too small or too long, or its preprocessed size is none that the model takes
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated meanwhile
  /// @throws IllegalStateException if the segmenter is closed
  public Segmentation segment(Picture picture, Progress progress) {
    var input = preprocessing.apply(picture, model.minSide());
    int height = picture.height(), width = picture.width();
    var workspace = borrow();
    try (var pictureArena = Arena.ofShared()) {
      var image = Tensor.of(pictureArena, input.values(), 1, 3, input.height(), input.width());
      workspace.listen(progress);
      var logits = checkpoint.reading(() -> workspace.run("logits", image, model::logits, List::of));
      var classes = Tensor.zeros(pictureArena, height, width);
      kernels.resizeArgmax(logits.segment(), 1, logits.dim(1), logits.dim(2), logits.dim(3), classes.segment(), height, width,
          Interpolation.BILINEAR);
      return Segmentation.of(width, height, numbers(classes), labels);
    } catch (InputException e) {
      throw new ImageException(picture.name() + ": after preprocessing: " + e.getMessage(), e);
    } finally {
      giveBack(workspace);
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
    return parameters;
  }

  /// Names of the classes, in order.
  public List<String> labels() {
    return labels;
  }

  /// Colours of the classes, `0xRRGGBB`.
  public List<Integer> palette() {
    return palette;
  }

  private Workspace borrow() {
    synchronized (idle) {
      if (closed) throw new IllegalStateException(checkpoint.name() + ": the segmenter is closed");
      var workspace = idle.pollLast();
      return workspace == null ? new Workspace(kernels) : workspace;
    }
  }

  private void giveBack(Workspace workspace) {
    workspace.listen(Progress.NONE);
    synchronized (idle) {
      if (closed) workspace.close();
      else idle.addLast(workspace);
    }
  }

  /// Closes the model file; closing twice is harmless.
  @Override
  public void close() {
    List<Workspace> toClose;
    synchronized (idle) {
      if (closed) return;
      closed = true;
      toClose = new ArrayList<>(idle);
    }
    toClose.forEach(Workspace::close);
    checkpoint.close();
    arena.close();
    if (ownsKernels) kernels.close();
  }
}
