package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.feature.PatchFeatures;
import dev.fovea.engine.feature.Vectors;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Kernels;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/// An embedder of pictures, from a model file: the vectors of similar pictures have a small angle.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class PictureEmbedder implements AutoCloseable {
  /// The largest size that pictures can be scaled to, in pixels.
  public static final int MAX_SIZE = 1 << 16;

  private final OpenModel opened;
  private final EmbedsPictures model;
  private final Preprocessing preprocessing;

  /// A preprocessed picture.
  ///
  /// @param name its name in error messages
  /// @param frame the part of the picture in the input
  /// @param input the model's input, a whole number of patches
  public record Prepared(String name, Preprocessing.Frame frame, Preprocessing.Pixels input) {}

  private PictureEmbedder(OpenModel opened) {
    this.opened = opened;
    try {
      model = opened.model(EmbedsPictures.class, "a model that gives features of pictures");
      preprocessing = Preprocessing.of(opened.header().preprocessing());
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, or its model does not give features of pictures
  /// @see #open(Path, OpenOptions)
  public static PictureEmbedder open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, its model does not give features of pictures, or it does not fit in
  ///     memory
  public static PictureEmbedder open(Path file, OpenOptions options) {
    return new PictureEmbedder(OpenModel.open(file, options));
  }

  /// Creates an embedder from an open checkpoint, which it closes, and from kernels, which it leaves open and which must not be
  /// closed before it.
  ///
  /// @throws CheckpointException if the model does not give features of pictures
  public static PictureEmbedder of(Checkpoint checkpoint, Kernels kernels) {
    return new PictureEmbedder(OpenModel.of(checkpoint, kernels));
  }

  /// The supported ways to pool a picture's features into one vector, the default first.
  public List<Pooling> poolings() {
    return model.poolings();
  }

  /// Side of a patch, in pixels.
  public int patchSize() {
    return model.patchSize();
  }

  /// The features of a picture file as one vector of length 1, with the first of [#poolings()], such as the class token, or the
  /// embedding in the common space of an image-text model.
  ///
  /// @throws ImageException if the file is not a picture, or the picture is too small or too elongated
  public float[] embed(Path picture) {
    return embed(Picture.read(picture), poolings().getFirst(), true, Progress.NONE);
  }

  /// A picture's features as one vector, with the preprocessing of the model file.
  ///
  /// @param normalized whether the vector is scaled to length 1
  /// @throws ImageException as [#prepare]
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the embedder is closed
  public float[] embed(Picture picture, Pooling pooling, boolean normalized, Progress progress) {
    return embed(List.of(prepare(picture, 0)), pooling, normalized, progress).getFirst();
  }

  /// Preprocesses a picture.
  ///
  /// @param size the shorter side in pixels, a multiple of the patch size: the picture keeps its aspect ratio, and its longer side
  ///   is cropped to whole patches; 0 for the size in the preprocessing of the model file
  /// @throws ImageException if the picture is too elongated, smaller than a patch after the resize, or of a preprocessed size that
  ///   the model does not accept
  /// @throws IllegalArgumentException if `size` is not a multiple of the patch size up to [#MAX_SIZE]
  public Prepared prepare(Picture picture, int size) {
    int patch = patchSize();
    if (size < 0 || size > MAX_SIZE || size % patch != 0)
      throw new IllegalArgumentException("size: expected a multiple of the patch size " + patch + " up to " + MAX_SIZE + ", got "
          + size);
    var steps = size == 0 ? preprocessing : preprocessing.atShorterSide(picture, size, patch);
    var input = steps.apply(picture, patch);
    if (!model.takesRest() && (input.height() % patch != 0 || input.width() % patch != 0))
      throw new ImageException(picture.name() + ": after preprocessing: expected a height and width that are multiples of the "
          + "patch size " + patch + ", got " + input.height() + "x" + input.width());
    return new Prepared(picture.name(), steps.frame(picture), input);
  }

  /// The features of several pictures in one pass, bit-identical to those of separate passes.
  ///
  /// @throws IllegalArgumentException if there is no picture, the inputs have different sizes, or the pooling is not supported
  /// @see #embed(Picture, Pooling, boolean, Progress)
  public List<float[]> embed(List<Prepared> pictures, Pooling pooling, boolean normalized, Progress progress) {
    if (!poolings().contains(pooling))
      throw new IllegalArgumentException("pooling: expected one of " + poolings() + " for this model, got " + pooling);
    float[] all = run(pooling, pictures, x -> model.features(x).pooled(pooling), progress);
    int dim = all.length / pictures.size();
    return IntStream.range(0, pictures.size()).mapToObj(i -> Arrays.copyOfRange(all, i * dim, (i + 1) * dim))
        .map(vector -> normalized ? Vectors.normalized(vector) : vector).toList();
  }

  /// The features of a picture's patches, without register tokens.
  ///
  /// @see #embed(Picture, Pooling, boolean, Progress)
  public PatchFeatures patches(Prepared picture, Progress progress) {
    int rows = picture.input.height() / patchSize(), cols = picture.input.width() / patchSize();
    float[] values = run("patches", List.of(picture), x -> model.features(x).patches(), progress);
    return new PatchFeatures(rows, cols, values.length / (rows * cols), values);
  }

  /// An embedder of texts in the common space, with the same open model: closing one of the two closes the other.
  ///
  /// @throws CheckpointException if it is not an image-text model with a tokenizer
  public TextEmbedder texts() {
    return new TextEmbedder(opened);
  }

  private float[] run(Object kind, List<Prepared> pictures, UnaryOperator<Tensor> forward, Progress progress) {
    try {
      return opened.run(kind, stacked(pictures), forward, progress);
    } catch (InputException e) {
      throw new ImageException(pictures.getFirst().name + ": after preprocessing: " + e.getMessage(), e);
    }
  }

  /// Stacks inputs of the same size to `[B, 3, height, width]`.
  private static OpenModel.Input stacked(List<Prepared> pictures) {
    if (pictures.isEmpty()) throw new IllegalArgumentException("embed: expected at least one picture");
    var first = pictures.getFirst().input;
    int size = first.values().length;
    var values = new float[Math.multiplyExact(size, pictures.size())];
    for (int i = 0; i < pictures.size(); i++) {
      var input = pictures.get(i).input;
      if (input.height() != first.height() || input.width() != first.width())
        throw new IllegalArgumentException(pictures.get(i).name + ": expected an input of " + first.width() + "x" + first.height()
            + " as the first, got " + input.width() + "x" + input.height());
      System.arraycopy(input.values(), 0, values, i * size, size);
    }
    return new OpenModel.Input(values, pictures.size(), 3, first.height(), first.width());
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
    return "PictureEmbedder: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says. Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
