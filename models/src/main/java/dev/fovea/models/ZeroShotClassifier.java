package dev.fovea.models;

import com.google.common.primitives.Floats;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.kernels.Kernels;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// A zero-shot classifier of pictures with any labels, from the file of an image-text model (Radford et al., 2021, section 3.1).
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class ZeroShotClassifier implements AutoCloseable {
  /// The placeholder for the label in a prompt template.
  public static final String PLACE = "{}";

  private final OpenModel opened;
  private final TextEmbedder texts;
  private final JoinsPicturesAndText model;
  private final Preprocessing preprocessing;

  /// Labels with their vectors, reusable for any number of pictures.
  ///
  /// @param vectors `[labels, D]`
  public record Labels(List<String> names, float[] vectors) {}

  private ZeroShotClassifier(OpenModel opened) {
    this.opened = opened;
    try {
      texts = new TextEmbedder(opened);
      model = texts.model();
      preprocessing = Preprocessing.of(opened.header().preprocessing());
    } catch (RuntimeException e) {
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
  public static ZeroShotClassifier open(Path file, OpenOptions options) {
    return new ZeroShotClassifier(OpenModel.open(file, options));
  }

  /// Creates a classifier from an open checkpoint, which it closes, and from kernels, which it leaves open and which must not be
  /// closed before it.
  ///
  /// @throws CheckpointException if it is not an image-text model with a tokenizer
  public static ZeroShotClassifier of(Checkpoint checkpoint, Kernels kernels) {
    return new ZeroShotClassifier(OpenModel.of(checkpoint, kernels));
  }

  /// Embeds labels in the model's common space. The vector of a label is the normalised mean over its prompts.
  ///
  /// @param templates prompts such as `a photo of {}.`, with [#PLACE] for the label; empty to use the labels as prompts
  /// @throws TokenizerException if a prompt is not valid for [TextEmbedder#embed(String)]
  /// @throws IllegalArgumentException if there are no labels, or a template has no [#PLACE]
  public Labels embed(List<String> labels, List<String> templates) {
    if (labels.isEmpty()) throw new IllegalArgumentException("labels: expected at least one");
    for (var template : templates)
      if (!template.contains(PLACE)) throw new IllegalArgumentException("template '" + template + "': expected " + PLACE
          + " where the label goes");
    var vectors = opened.call(() -> labels.stream().map(label -> texts.mean(templates.isEmpty() ? List.of(label)
        : templates.stream().map(template -> template.replace(PLACE, label)).toList())).toArray(float[][]::new));
    return new Labels(List.copyOf(labels), Floats.concat(vectors));
  }

  /// The `top` labels that match a picture best, best first. Scores are probabilities: with CLIP over all labels, with a sum of 1;
  /// with SigLIP of each label separately.
  ///
  /// @throws ImageException if the picture is too small or too elongated, or the model does not accept its preprocessed size
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the classifier is closed
  public List<Classification> classify(Picture picture, Labels labels, int top, Progress progress) {
    var input = preprocessing.apply(picture, model.minSide());
    int count = labels.names.size();
    var image = OpenModel.Input.of(input);
    var words = new OpenModel.Input(labels.vectors, count, labels.vectors.length / count);
    try {
      var scores = opened.run("scores", Map.of("image", image, "words", words),
          inputs -> List.of(model.scores(model.logits(model.imageEmbeds(inputs.get("image")), inputs.get("words")))), progress)
          .getFirst();
      return Classification.likeliest(scores, labels.names, top);
    } catch (InputException e) {
      throw new ImageException(picture.name() + ": after preprocessing: " + e.getMessage(), e);
    }
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
