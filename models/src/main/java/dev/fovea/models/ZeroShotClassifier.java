package dev.fovea.models;

import com.google.common.primitives.Floats;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.argument.Arguments;
import dev.fovea.models.argument.PictureInput;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jetbrains.annotations.Nullable;

/// A zero-shot classifier of pictures with any labels, from the file of an image-text model (Radford et al., 2021, section 3.1).
///
/// Pictures are given in the forms that [ImageClassifier] describes. Arguments are checked before any work. A null argument is
/// refused with a [NullPointerException] that names the parameter.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class ZeroShotClassifier implements AutoCloseable {
  /// The placeholder for the label in a prompt template.
  public static final String PLACE = "{}";

  private final OpenModel opened;
  private final TextEmbedder texts;
  private final JoinsPicturesAndText model;
  private final Preprocessing preprocessing;

  /// Labels with their vectors, reusable for any number of pictures, threads and open classifiers of the same model. Two are equal
  /// if their names and all values are.
  ///
  /// @param vectors `[labels, D]`; not copied, must not be modified
  public record Labels(List<String> names, float[] vectors) {
    /// @throws IllegalArgumentException if there are no names, or the values are not one vector for each
    public Labels {
      names = Arguments.elements(names, "names");
      Objects.requireNonNull(vectors, "vectors");
      if (names.isEmpty()) throw new IllegalArgumentException("labels: expected at least one");
      if (vectors.length == 0 || vectors.length % names.size() != 0)
        throw new IllegalArgumentException("labels: expected a vector for each of " + names.size() + " names, got "
            + vectors.length + " values");
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Labels l && names.equals(l.names) && Arrays.equals(vectors, l.vectors);
    }

    @Override
    public int hashCode() {
      return 31 * names.hashCode() + Arrays.hashCode(vectors);
    }

    @Override
    public String toString() {
      return "labels " + names + " of " + vectors.length / names.size() + " dimensions";
    }
  }

  private ZeroShotClassifier(OpenModel opened) {
    this.opened = opened;
    try {
      model = TextEmbedder.requireJoins(opened, "a model of pictures and words");
      texts = new TextEmbedder(opened);
      preprocessing = Preprocessing.of(opened.header().preprocessing());
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, or it is not an image-text model with a tokenizer
  /// @see #open(Path, OpenOptions)
  public static ZeroShotClassifier open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, it is not an image-text model with a tokenizer, or it does not fit in
  ///     memory
  /// @throws CancelledException if the thread is interrupted
  public static ZeroShotClassifier open(Path file, OpenOptions options) {
    return new ZeroShotClassifier(OpenModel.open(file, options));
  }

  /// Creates a classifier from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open
  /// and which must not be closed before it; as [OpenModel#of].
  ///
  /// @throws CheckpointException if it is not an image-text model with a tokenizer
  public static ZeroShotClassifier of(Checkpoint checkpoint, Kernels kernels) {
    return new ZeroShotClassifier(OpenModel.of(checkpoint, kernels));
  }

  /// Embeds labels as they are; as [#embed(List, List, Progress)].
  public Labels embed(List<String> labels) {
    return embed(labels, List.of(), Progress.NONE);
  }

  /// Embeds labels as they are, with progress; as [#embed(List, List, Progress)].
  public Labels embed(List<String> labels, Progress progress) {
    return embed(labels, List.of(), progress);
  }

  /// Embeds labels in prompts; as [#embed(List, List, Progress)].
  public Labels embed(List<String> labels, List<String> templates) {
    return embed(labels, templates, Progress.NONE);
  }

  /// Embeds labels in the model's common space. The vector of a label is the normalised mean over its prompts. A call costs a pass
  /// of the text encoder per label, over all its prompts; the result serves any number of pictures.
  ///
  /// @param labels at least one
  /// @param templates prompts such as `a photo of {}.`, with [#PLACE] for the label; empty to use the labels as prompts
  /// @param progress called on the calling thread before each operation of the passes
  /// @throws TokenizerException if a prompt is not valid for [TextEmbedder#embed(String, Progress)]
  /// @throws IllegalArgumentException if there are no labels, or a template has no [#PLACE]
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the classifier is closed
  public Labels embed(List<String> labels, List<String> templates, Progress progress) {
    var names = Arguments.elements(labels, "labels");
    var prompts = Arguments.elements(templates, "templates");
    Objects.requireNonNull(progress, "progress");
    if (names.isEmpty()) throw new IllegalArgumentException("labels: expected at least one");
    for (var template : prompts)
      if (!template.contains(PLACE)) throw new IllegalArgumentException("template '" + template + "': expected " + PLACE
          + " where the label goes");
    return opened.call(() -> {
      var vectors = new float[names.size()][];
      for (int i = 0; i < vectors.length; i++) {
        var label = names.get(i);
        vectors[i] = texts.mean(prompts.isEmpty() ? List.of(label)
            : prompts.stream().map(template -> template.replace(PLACE, label)).toList(),
            Batches.part(progress, i, 1, vectors.length));
      }
      return new Labels(names, Floats.concat(vectors));
    });
  }

  /// All labels, those that match a picture file best first; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(Path picture, Labels labels) {
    return one(PictureInput.of(picture), labels, Progress.NONE);
  }

  /// The `top` labels that match a picture file best; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(Path picture, Labels labels, int top) {
    return one(PictureInput.of(picture), labels, top, Progress.NONE);
  }

  /// All labels, those that match a picture file best first, with progress; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(Path picture, Labels labels, Progress progress) {
    return one(PictureInput.of(picture), labels, progress);
  }

  /// The `top` labels that match a picture file best, with progress; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(Path picture, Labels labels, int top, Progress progress) {
    return one(PictureInput.of(picture), labels, top, progress);
  }

  /// All labels, those that match the contents of a picture file best first; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(byte[] picture, Labels labels) {
    return one(PictureInput.of(picture), labels, Progress.NONE);
  }

  /// The `top` labels that match the contents of a picture file best; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(byte[] picture, Labels labels, int top) {
    return one(PictureInput.of(picture), labels, top, Progress.NONE);
  }

  /// All labels, those that match the contents of a picture file best first, with progress; as
  /// [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(byte[] picture, Labels labels, Progress progress) {
    return one(PictureInput.of(picture), labels, progress);
  }

  /// The `top` labels that match the contents of a picture file best, with progress; as
  /// [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(byte[] picture, Labels labels, int top, Progress progress) {
    return one(PictureInput.of(picture), labels, top, progress);
  }

  /// All labels, those that match a stream of a picture file best first; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(InputStream picture, Labels labels) {
    return one(PictureInput.of(picture), labels, Progress.NONE);
  }

  /// The `top` labels that match a stream of a picture file best; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(InputStream picture, Labels labels, int top) {
    return one(PictureInput.of(picture), labels, top, Progress.NONE);
  }

  /// All labels, those that match a stream of a picture file best first, with progress; as
  /// [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(InputStream picture, Labels labels, Progress progress) {
    return one(PictureInput.of(picture), labels, progress);
  }

  /// The `top` labels that match a stream of a picture file best, with progress; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(InputStream picture, Labels labels, int top, Progress progress) {
    return one(PictureInput.of(picture), labels, top, progress);
  }

  /// All labels, those that match an image best first; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(BufferedImage picture, Labels labels) {
    return one(PictureInput.of(picture), labels, Progress.NONE);
  }

  /// The `top` labels that match an image best; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(BufferedImage picture, Labels labels, int top) {
    return one(PictureInput.of(picture), labels, top, Progress.NONE);
  }

  /// All labels, those that match an image best first, with progress; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(BufferedImage picture, Labels labels, Progress progress) {
    return one(PictureInput.of(picture), labels, progress);
  }

  /// The `top` labels that match an image best, with progress; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(BufferedImage picture, Labels labels, int top, Progress progress) {
    return one(PictureInput.of(picture), labels, top, progress);
  }

  /// All labels, those that match a picture best first; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(Picture picture, Labels labels) {
    return one(PictureInput.of(picture), labels, Progress.NONE);
  }

  /// The `top` labels that match a picture best; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(Picture picture, Labels labels, int top) {
    return one(PictureInput.of(picture), labels, top, Progress.NONE);
  }

  /// All labels, those that match a picture best first, with progress; as [#classify(Picture, Labels, int, Progress)].
  public List<Classification> classify(Picture picture, Labels labels, Progress progress) {
    return one(PictureInput.of(picture), labels, progress);
  }

  /// The `top` labels that match a picture best, best first. Scores are probabilities: with CLIP over all labels, with a sum of 1;
  /// with SigLIP of each label separately. A call costs a pass of the image encoder; what the passes of pictures of one
  /// preprocessed size have in common is computed in the first and kept.
  ///
  /// @param labels of this model, from [#embed(List, List, Progress)]
  /// @param top number of labels; all if there are fewer
  /// @param progress called on the calling thread before each operation of the pass
  /// @return an unmodifiable list of the caller's own
  /// @throws ImageException if the picture cannot be read, is too small or too elongated, or the model does not accept its
  ///     preprocessed size
  /// @throws IllegalArgumentException if `top` is not positive, or the labels' vectors have another dimension than the model's
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the classifier is closed
  public List<Classification> classify(Picture picture, Labels labels, int top, Progress progress) {
    return one(PictureInput.of(picture), labels, top, progress);
  }

  /// All labels, those that match each picture best first; as [#classify(List, Labels, int, Progress)].
  public List<List<Classification>> classify(List<Picture> pictures, Labels labels) {
    return classify(pictures, labels, all(labels), Progress.NONE);
  }

  /// The `top` labels that match each picture best; as [#classify(List, Labels, int, Progress)].
  public List<List<Classification>> classify(List<Picture> pictures, Labels labels, int top) {
    return classify(pictures, labels, top, Progress.NONE);
  }

  /// All labels, those that match each picture best first, with progress; as [#classify(List, Labels, int, Progress)].
  public List<List<Classification>> classify(List<Picture> pictures, Labels labels, Progress progress) {
    return classify(pictures, labels, all(labels), progress);
  }

  /// The `top` labels that match each picture best, in the order of the pictures: bit-identical to those of separate calls.
  /// As many passes run at once as [OpenModel#each] says.
  ///
  /// @param pictures may be empty
  /// @throws IllegalArgumentException if `top` is not positive, or the labels' vectors have another dimension than the model's
  /// @see #classify(Picture, Labels, int, Progress)
  public List<List<Classification>> classify(List<Picture> pictures, Labels labels, int top, Progress progress) {
    require(labels);
    Arguments.top(top);
    int count = labels.names.size();
    var words = new OpenModel.Input(labels.vectors, count, labels.vectors.length / count);
    return Batches.run(opened, pictures, preprocessing, model.minSide(), (images, batch, listener) ->
        Batches.rows(opened.run("scores", Map.of("images", images, "words", words), this::scores, listener).getFirst(),
            batch.size()).stream().map(scores -> Classification.likeliest(scores, labels.names, top)).toList(), progress);
  }

  private List<Tensor> scores(Map<String, Tensor> inputs) {
    return List.of(model.scores(model.logits(model.imageEmbeds(inputs.get("images")), inputs.get("words"))));
  }

  private void require(Labels labels) {
    int found = Objects.requireNonNull(labels, "labels").vectors.length / labels.names.size(), expected = model.commonDim();
    if (found != expected)
      throw new IllegalArgumentException("labels: expected vectors of " + expected + " dimensions, as this model's, got " + found);
  }

  private List<Classification> one(PictureInput picture, Labels labels, Progress progress) {
    return one(picture, labels, all(labels), progress);
  }

  private List<Classification> one(PictureInput picture, Labels labels, int top, Progress progress) {
    require(labels);
    Arguments.top(top);
    Objects.requireNonNull(progress, "progress");
    return classify(List.of(picture.decode()), labels, top, progress).getFirst();
  }

  private static int all(Labels labels) {
    return Objects.requireNonNull(labels, "labels").names.size();
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
    return "ZeroShotClassifier: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says. Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
