package dev.fovea.models;

import com.google.common.primitives.Floats;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Residency;
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

/// A model file of pictures and words that says which of any labels fits a picture, without having been trained on them
/// (Radford et al., 2021, section 3.1).
///
/// It may be shared by any number of threads. Close it when no call is running.
public final class ZeroShotClassifier implements AutoCloseable {
  /// What a prompt template has where the label goes.
  public static final String PLACE = "{}";

  private final OpenModel opened;
  private final TextEmbedder texts;
  private final JoinsPicturesAndText model;
  private final Preprocessing preprocessing;

  /// Labels as vectors, for any number of pictures.
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

  /// Opens a model file with the fastest kernels and a thread a processor. Its weights are loaded into memory.
  ///
  /// @throws CheckpointException if there is no such file, or it is not a model of pictures and words, or holds no tokenizer
  /// @see #open(Path, Residency)
  public static ZeroShotClassifier open(Path file) {
    return open(file, Residency.LOADED);
  }

  /// Opens a model file with the fastest kernels and a thread a processor.
  ///
  /// @param residency whether its weights are loaded into memory, or stay in the mapped file
  /// @throws CheckpointException if there is no such file, or it is not a model of pictures and words, or holds no
  ///     tokenizer, or does not fit in memory
  public static ZeroShotClassifier open(Path file, Residency residency) {
    return new ZeroShotClassifier(OpenModel.open(file, residency));
  }

  /// A classifier over an open checkpoint, which it closes, and kernels, which it leaves open.
  ///
  /// @throws CheckpointException if it is not a model of pictures and words, or holds no tokenizer
  public static ZeroShotClassifier of(Checkpoint checkpoint, Kernels kernels) {
    return new ZeroShotClassifier(OpenModel.of(checkpoint, kernels));
  }

  /// Labels in the model's space. With several templates a label is the mean of its prompts' vectors.
  ///
  /// @param templates prompts such as `a photo of {}.`, each with [#PLACE] where the label goes; none for the labels themselves
  /// @throws TokenizerException if a prompt has more tokens than the model has positions for
  /// @throws IllegalArgumentException if there are no labels, or a template has no place for them
  public Labels embed(List<String> labels, List<String> templates) {
    if (labels.isEmpty()) throw new IllegalArgumentException("labels: expected at least one");
    for (var template : templates)
      if (!template.contains(PLACE)) throw new IllegalArgumentException("template '" + template + "': expected " + PLACE
          + " where the label goes");
    var vectors = labels.stream().map(label -> texts.mean(templates.isEmpty() ? List.of(label)
        : templates.stream().map(template -> template.replace(PLACE, label)).toList())).toArray(float[][]::new);
    return new Labels(List.copyOf(labels), Floats.concat(vectors));
  }

  /// The `top` labels that fit a picture best, best first. Scores are probabilities: with CLIP they are of one label among these
  /// and add up to 1 over all labels; with SigLIP each label has its own.
  ///
  /// @throws ImageException if the picture is too small or too long, or its preprocessed size is none that the model takes
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated meanwhile
  /// @throws IllegalStateException if the classifier is closed
  public List<Classification> classify(Picture picture, Labels labels, int top, Progress progress) {
    var input = preprocessing.apply(picture, model.minSide());
    int count = labels.names.size();
    var image = new OpenModel.Input(input.values(), 1, 3, input.height(), input.width());
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

  /// Closes the model file; closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
