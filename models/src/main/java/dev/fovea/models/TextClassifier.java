package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
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

/// A classifier of texts, from a model file, for example for sentiment or for entailment between two sentences.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class TextClassifier implements AutoCloseable {
  private final OpenModel opened;
  private final ClassifiesText model;
  private final Tokenizer tokenizer;

  /// A text or pair of texts to classify.
  ///
  /// @param pair the second text, for a model trained on pairs; or null
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

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, or its model does not classify texts, or it has no tokenizer
  /// @see #open(Path, OpenOptions)
  public static TextClassifier open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, its model does not classify texts, or it has no tokenizer or does not
  ///     fit in memory
  public static TextClassifier open(Path file, OpenOptions options) {
    return new TextClassifier(OpenModel.open(file, options));
  }

  /// Creates a classifier from an open checkpoint, which it closes, and from kernels, which it leaves open and which must not be
  /// closed before it.
  ///
  /// @throws CheckpointException if the model does not classify texts or has no tokenizer
  public static TextClassifier of(Checkpoint checkpoint, Kernels kernels) {
    return new TextClassifier(OpenModel.of(checkpoint, kernels));
  }

  /// All classes of a text, most probable first.
  ///
  /// @throws TokenizerException if the text has no tokens, more than the model has positions, or one outside its vocabulary
  public List<Classification> classify(String text) {
    return classify(List.of(Text.of(text)), labels().size(), Progress.NONE).getFirst();
  }

  /// The `top` most probable classes of each text, most probable first. All texts form one batch; padding is masked, so that each
  /// text has the same result as alone, up to rounding.
  ///
  /// @throws TokenizerException if a text has no tokens, more than the model has positions, or one outside its vocabulary
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
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

  /// The names of the classes, in index order.
  public List<String> labels() {
    return opened.header().labels();
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
    return "TextClassifier: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says. Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
