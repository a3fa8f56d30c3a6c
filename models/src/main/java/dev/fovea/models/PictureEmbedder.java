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
import java.util.function.Supplier;

/// An embedder of pictures, from a model file: the vectors of similar pictures have a small angle.
///
/// Pictures are given in the forms that [ImageClassifier] describes, or as [Prepared] inputs. Arguments are checked before any
/// work. A null argument is refused with a [NullPointerException] that names the parameter.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class PictureEmbedder implements AutoCloseable {
  /// The largest size that pictures can be scaled to, in pixels.
  public static final int MAX_SIZE = 1 << 16;

  private final OpenModel opened;
  private final EmbedsPictures model;
  private final Preprocessing preprocessing;

  /// A preprocessed picture. Its values are finite: NaN or an infinity would be in every feature.
  ///
  /// @param name its name in error messages
  /// @param frame the part of the picture in the input
  /// @param input the model's input, a whole number of patches; not copied
  public record Prepared(String name, Preprocessing.Frame frame, Preprocessing.Pixels input) {
    /// @throws IllegalArgumentException if a value is NaN or infinite
    public Prepared {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(frame, "frame");
      Objects.requireNonNull(input, "input");
      for (float value : input.values())
        if (!Float.isFinite(value)) throw new IllegalArgumentException(name + ": expected finite values, got " + value);
    }

    private Preprocessing.Size size() {
      return new Preprocessing.Size(input.width(), input.height());
    }
  }

  private PictureEmbedder(OpenModel opened) {
    this.opened = opened;
    try {
      model = opened.model(EmbedsPictures.class, "a model that gives features of pictures");
      preprocessing = Preprocessing.of(opened.header().preprocessing());
    } catch (RuntimeException | Error e) {
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
  /// @throws CancelledException if the thread is interrupted
  public static PictureEmbedder open(Path file, OpenOptions options) {
    return new PictureEmbedder(OpenModel.open(file, options));
  }

  /// Creates an embedder from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open and
  /// which must not be closed before it; as [OpenModel#of].
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

  /// The vector of a picture file, of length 1, with the first of [#poolings()]; as [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(Path picture) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, Progress.NONE);
  }

  /// The vector of a picture file, of length 1, with the first of [#poolings()], with progress; as
  /// [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(Path picture, Progress progress) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, progress);
  }

  /// The features of a picture file as one vector; as [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(Path picture, Pooling pooling, boolean normalized, Progress progress) {
    return one(PictureInput.of(picture), pooling, normalized, progress);
  }

  /// The vector of the contents of a picture file, of length 1, with the first of [#poolings()]; as
  /// [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(byte[] picture) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, Progress.NONE);
  }

  /// The vector of the contents of a picture file, of length 1, with the first of [#poolings()], with progress; as
  /// [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(byte[] picture, Progress progress) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, progress);
  }

  /// The features of the contents of a picture file as one vector; as [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(byte[] picture, Pooling pooling, boolean normalized, Progress progress) {
    return one(PictureInput.of(picture), pooling, normalized, progress);
  }

  /// The vector of a stream of a picture file, of length 1, with the first of [#poolings()]; as
  /// [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(InputStream picture) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, Progress.NONE);
  }

  /// The vector of a stream of a picture file, of length 1, with the first of [#poolings()], with progress; as
  /// [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(InputStream picture, Progress progress) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, progress);
  }

  /// The features of a stream of a picture file as one vector; as [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(InputStream picture, Pooling pooling, boolean normalized, Progress progress) {
    return one(PictureInput.of(picture), pooling, normalized, progress);
  }

  /// The vector of an image, of length 1, with the first of [#poolings()]; as [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(BufferedImage picture) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, Progress.NONE);
  }

  /// The vector of an image, of length 1, with the first of [#poolings()], with progress; as
  /// [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(BufferedImage picture, Progress progress) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, progress);
  }

  /// The features of an image as one vector; as [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(BufferedImage picture, Pooling pooling, boolean normalized, Progress progress) {
    return one(PictureInput.of(picture), pooling, normalized, progress);
  }

  /// The vector of a picture, of length 1, with the first of [#poolings()]; as [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(Picture picture) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, Progress.NONE);
  }

  /// The vector of a picture, of length 1, with the first of [#poolings()], with progress; as
  /// [#embed(Picture, Pooling, boolean, Progress)].
  public float[] embed(Picture picture, Progress progress) {
    return one(PictureInput.of(picture), poolings().getFirst(), true, progress);
  }

  /// A picture's features as one vector, with the preprocessing of the model file. A call costs a pass of the model; what the
  /// passes of pictures of one preprocessed size have in common is computed in the first and kept.
  ///
  /// @param pooling such as the class token, or the embedding in the common space of an image-text model
  /// @param normalized whether the vector is scaled to length 1
  /// @param progress called on the calling thread before each operation of the pass
  /// @return the caller's own
  /// @throws ImageException if the picture cannot be read, is too small or too elongated, or the model does not accept its
  ///     preprocessed size
  /// @throws IllegalArgumentException if the pooling is not one of [#poolings()]
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the embedder is closed
  public float[] embed(Picture picture, Pooling pooling, boolean normalized, Progress progress) {
    return one(PictureInput.of(picture), pooling, normalized, progress);
  }

  /// The vectors of pictures, of length 1, with the first of [#poolings()]; as [#embed(List, Pooling, boolean, Progress)].
  public List<float[]> embed(List<Picture> pictures) {
    return embed(pictures, poolings().getFirst(), true, Progress.NONE);
  }

  /// The vectors of pictures, of length 1, with progress; as [#embed(List, Pooling, boolean, Progress)].
  public List<float[]> embed(List<Picture> pictures, Progress progress) {
    return embed(pictures, poolings().getFirst(), true, progress);
  }

  /// The features of each picture as a vector, in the order of the pictures: bit-identical to those of separate calls. As many
  /// passes run at once as [OpenModel#each] says.
  ///
  /// @param pictures may be empty
  /// @throws IllegalArgumentException if the pooling is not one of [#poolings()]
  /// @see #embed(Picture, Pooling, boolean, Progress)
  public List<float[]> embed(List<Picture> pictures, Pooling pooling, boolean normalized, Progress progress) {
    require(pooling);
    for (var picture : Arguments.elements(pictures, "pictures")) requireWholePatches(picture, preprocessing);
    return Batches.run(opened, pictures, preprocessing, patchSize(), (images, batch, listener) ->
        vectors(images, batch.size(), pooling, normalized, listener), progress);
  }

  private float[] one(PictureInput picture, Pooling pooling, boolean normalized, Progress progress) {
    require(pooling);
    Objects.requireNonNull(progress, "progress");
    return embed(List.of(picture.decode()), pooling, normalized, progress).getFirst();
  }

  private void require(Pooling pooling) {
    if (!poolings().contains(Objects.requireNonNull(pooling, "pooling")))
      throw new IllegalArgumentException("pooling: expected one of " + poolings() + " for this model, got " + pooling);
  }

  private List<float[]> vectors(OpenModel.Input images, int count, Pooling pooling, boolean normalized, Progress progress) {
    var all = opened.run(pooling, images, x -> model.features(x).pooled(pooling), progress);
    return Batches.rows(all, count).stream().map(vector -> normalized ? Vectors.normalized(vector) : vector).toList();
  }

  private void requireWholePatches(Picture picture, Preprocessing steps) {
    int patch = patchSize();
    var size = steps.inputSize(picture, patch);
    if (!model.takesRest() && (size.height() % patch != 0 || size.width() % patch != 0))
      throw new ImageException(picture.name() + ": after preprocessing: expected a height and width that are multiples of the "
          + "patch size " + patch + ", got " + size.height() + "x" + size.width());
  }

  /// Preprocesses a picture, for passes of the caller's choice of size and batch. It runs no pass, so that pictures can be prepared
  /// on other threads meanwhile, and works on a closed embedder too.
  ///
  /// @param size the shorter side in pixels, a multiple of the patch size: the picture keeps its aspect ratio, and its longer side
  ///   is cropped to whole patches; 0 for the size in the preprocessing of the model file
  /// @throws ImageException if the picture is too elongated, smaller than a patch after the resize, or of a preprocessed size that
  ///   the model does not accept
  /// @throws IllegalArgumentException if `size` is not a multiple of the patch size up to [#MAX_SIZE]
  public Prepared prepare(Picture picture, int size) {
    Objects.requireNonNull(picture, "picture");
    int patch = patchSize();
    if (size < 0 || size > MAX_SIZE || size % patch != 0)
      throw new IllegalArgumentException("size: expected a multiple of the patch size " + patch + " up to " + MAX_SIZE + ", got "
          + size);
    var steps = size == 0 ? preprocessing : preprocessing.atShorterSide(picture, size, patch);
    requireWholePatches(picture, steps);
    return new Prepared(picture.name(), steps.frame(picture), steps.apply(picture, patch));
  }

  /// The features of several pictures in one pass, bit-identical to those of separate passes. Its memory grows with their number
  /// and is kept as [OpenModel] says.
  ///
  /// @param pictures may be empty
  /// @return vectors of the caller's own, in the order of the pictures
  /// @throws IllegalArgumentException if the inputs have different sizes, or more than 2³¹ - 9 samples together, or the pooling is
  ///     not one of [#poolings()]
  /// @see #embed(Picture, Pooling, boolean, Progress)
  public List<float[]> embedPrepared(List<Prepared> pictures, Pooling pooling, boolean normalized, Progress progress) {
    require(pooling);
    var batch = Arguments.elements(pictures, "pictures");
    Objects.requireNonNull(progress, "progress");
    if (batch.isEmpty()) return List.of();
    var size = batch.getFirst().size();
    for (var each : batch)
      if (!each.size().equals(size))
        throw new IllegalArgumentException(each.name + ": expected an input of " + size.width() + "x" + size.height()
            + " as the first, got " + each.input.width() + "x" + each.input.height());
    Arguments.requireFits("pictures", batch.size(), 3, size.height(), size.width());
    return named(batch.getFirst(), () -> vectors(Batches.stacked(batch.stream().map(Prepared::input).iterator(),
        batch.size(), size), batch.size(), pooling, normalized, progress));
  }

  /// The features of a picture's patches; as [#patches(Prepared, Progress)].
  public PatchFeatures patches(Prepared picture) {
    return patches(picture, Progress.NONE);
  }

  /// The features of a picture's patches, without register tokens. A call costs a pass of the model.
  ///
  /// @return the caller's own
  /// @see #embed(Picture, Pooling, boolean, Progress)
  public PatchFeatures patches(Prepared picture, Progress progress) {
    Objects.requireNonNull(picture, "picture");
    Objects.requireNonNull(progress, "progress");
    int rows = picture.input.height() / patchSize(), cols = picture.input.width() / patchSize();
    float[] values = named(picture, () ->
        opened.run("patches", OpenModel.Input.of(picture.input), x -> model.features(x).patches(), progress));
    return new PatchFeatures(rows, cols, values.length / (rows * cols), values);
  }

  private static <R> R named(Prepared first, Supplier<R> pass) {
    try {
      return pass.get();
    } catch (InputException e) {
      throw new ImageException(first.name + ": after preprocessing: " + e.getMessage(), e);
    }
  }

  /// An embedder of texts in the common space, with the same open model: closing one of the two closes the other.
  /// It costs what [OpenModel#tokenizer()] costs: keep it.
  ///
  /// @throws CheckpointException if it is not an image-text model with a tokenizer
  /// @throws IllegalStateException if the embedder is closed
  public TextEmbedder texts() {
    return new TextEmbedder(opened);
  }

  /// Calls this for each of many inputs, as many at once as is fast, while other pictures are decoded, and uses the results on this
  /// thread, in the order of the inputs; as [OpenModel#each].
  ///
  /// @param prepare such as `file -> Picture.read(file)`; called on any thread
  /// @param compute calls `embed`; called on any thread
  public <T, P, R> void each(List<T> inputs, Function<? super T, ? extends P> prepare, Function<? super P, ? extends R> compute,
      BiConsumer<? super T, ? super R> use) {
    opened.each(inputs, prepare, compute, use);
  }

  /// The number of parameters of the model.
  public long parameters() {
    return opened.parameters();
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
