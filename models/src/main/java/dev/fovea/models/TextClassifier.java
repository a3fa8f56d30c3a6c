package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Kernels;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// A model file that says which of its classes a text belongs to: whether it is friendly, or whether one sentence follows from
/// another.
///
/// It may be shared by any number of threads. Close it when no call is running.
public final class TextClassifier implements AutoCloseable {
  private final OpenModel opened;
  private final ClassifiesText model;
  private final Tokenizer tokenizer;

  /// What to classify.
  ///
  /// @param pair a second text, for a model that was trained on pairs; or null
  public record Text(String text, @Nullable String pair) {
    public static Text of(String text) {
      return new Text(text, null);
    }
  }

  private TextClassifier(OpenModel opened) {
    this.opened = opened;
    try {
      if (!(opened.model() instanceof ClassifiesText classifies) || classifies.numClasses() == 0)
        throw new CheckpointException(opened.name() + ": expected a model that classifies texts, got family "
            + opened.header().family()
            + (opened.model() instanceof ClassifiesText ? " without a classification head" : ""));
      if (opened.header().labels().size() != classifies.numClasses())
        throw new CheckpointException(opened.name() + ": expected " + classifies.numClasses() + " labels, got "
            + opened.header().labels().size());
      model = classifies;
      tokenizer = opened.tokenizer();
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with the fastest kernels and a thread a processor. Its weights are loaded into memory.
  ///
  /// @throws CheckpointException if there is no such file, or it is not a model that classifies texts, or holds no tokenizer
  /// @see #open(Path, Residency)
  public static TextClassifier open(Path file) {
    return open(file, Residency.LOADED);
  }

  /// Opens a model file with the fastest kernels and a thread a processor.
  ///
  /// @param residency whether its weights are loaded into memory, or stay in the mapped file
  /// @throws CheckpointException if there is no such file, or it is not a model that classifies texts, or holds no
  ///     tokenizer, or does not fit in memory
  public static TextClassifier open(Path file, Residency residency) {
    return new TextClassifier(OpenModel.open(file, residency));
  }

  /// A classifier over an open checkpoint, which it closes, and kernels, which it leaves open.
  ///
  /// @throws CheckpointException if it is not a model that classifies texts, or holds no tokenizer
  public static TextClassifier of(Checkpoint checkpoint, Kernels kernels) {
    return new TextClassifier(OpenModel.of(checkpoint, kernels));
  }

  /// The likeliest classes of a text, likeliest first.
  ///
  /// @throws TokenizerException if the text has more tokens than the model has positions for
  public List<Classification> classify(String text) {
    return classify(List.of(Text.of(text)), labels().size(), Progress.NONE).getFirst();
  }

  /// The `top` likeliest classes of each text, likeliest first. Texts of different lengths are one batch; none sees another's
  /// padding, so that each gets what it would get alone, but for rounding.
  ///
  /// @throws TokenizerException if a text has more tokens than the model has positions for
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated meanwhile
  /// @throws IllegalStateException if the classifier is closed
  public List<List<Classification>> classify(List<Text> texts, int top, Progress progress) {
    if (texts.isEmpty()) return List.of();
    var encodings = texts.stream().map(text -> TokenBatch.check(text.text, text.pair == null ? tokenizer.encode(text.text)
        : tokenizer.encode(text.text, text.pair), model.maxTokens(), model.vocabSize())).toList();
    var scores = opened.run("scores", TokenBatch.padded(encodings).inputs(), inputs ->
        List.of(model.logits(inputs.get(Model.INPUT_IDS),
        inputs.get(Model.ATTENTION_MASK), inputs.get(Model.TOKEN_TYPE_IDS)).softmax()), progress).getFirst();
    int classes = labels().size();
    return IntStream.range(0, texts.size())
        .mapToObj(t -> Classification.likeliest(Arrays.copyOfRange(scores, t * classes, (t + 1) * classes), labels(), top))
        .toList();
  }

  /// Names of the classes, in order.
  public List<String> labels() {
    return opened.header().labels();
  }

  /// Closes the model file; closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
