package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.engine.text.Truncation;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.argument.Arguments;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jetbrains.annotations.Nullable;

/// A classifier of texts, from a model file, for example for sentiment or for entailment between two sentences.
///
/// Arguments are checked before any work. A null argument is refused with a [NullPointerException] that names the parameter.
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
    public Text {
      Objects.requireNonNull(text, "text");
    }

    /// A text alone.
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
    } catch (RuntimeException | Error e) {
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
  /// @throws CancelledException if the thread is interrupted
  public static TextClassifier open(Path file, OpenOptions options) {
    return new TextClassifier(OpenModel.open(file, options));
  }

  /// Creates a classifier from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open
  /// and which must not be closed before it; as [OpenModel#of].
  ///
  /// @throws CheckpointException if the model does not classify texts or has no tokenizer
  public static TextClassifier of(Checkpoint checkpoint, Kernels kernels) {
    return new TextClassifier(OpenModel.of(checkpoint, kernels));
  }

  /// All classes of a text, most probable first; as [#classify(String, int, Progress)].
  public List<Classification> classify(String text) {
    return classify(text, labels().size(), Progress.NONE);
  }

  /// The `top` most probable classes of a text; as [#classify(String, int, Progress)].
  public List<Classification> classify(String text, int top) {
    return classify(text, top, Progress.NONE);
  }

  /// All classes of a text, most probable first, with progress; as [#classify(String, int, Progress)].
  public List<Classification> classify(String text, Progress progress) {
    return classify(text, labels().size(), progress);
  }

  /// The `top` most probable classes of a text, most probable first. A call costs a pass of the model; what the passes of texts of
  /// one length have in common is computed in the first and kept.
  ///
  /// @param top number of classes; all if there are fewer
  /// @param progress called on the calling thread before each operation of the pass
  /// @return an unmodifiable list of the caller's own
  /// @throws TokenizerException if the text has no tokens, more than the model has positions, or one outside its vocabulary
  /// @throws IllegalArgumentException if `top` is not positive
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the classifier is closed
  public List<Classification> classify(String text, int top, Progress progress) {
    return classifyTexts(List.of(Text.of(text)), top, progress).getFirst();
  }

  /// All classes of each text, most probable first; as [#classify(List, int, Progress)].
  public List<List<Classification>> classify(List<String> texts) {
    return classify(texts, labels().size(), Progress.NONE);
  }

  /// The `top` most probable classes of each text; as [#classify(List, int, Progress)].
  public List<List<Classification>> classify(List<String> texts, int top) {
    return classify(texts, top, Progress.NONE);
  }

  /// All classes of each text, most probable first, with progress; as [#classify(List, int, Progress)].
  public List<List<Classification>> classify(List<String> texts, Progress progress) {
    return classify(texts, labels().size(), progress);
  }

  /// The `top` most probable classes of each text, in the order of the texts; as [#classifyTexts].
  public List<List<Classification>> classify(List<String> texts, int top, Progress progress) {
    return classifyTexts(Arguments.elements(texts, "texts").stream().map(Text::of).toList(), top, progress);
  }

  /// The `top` most probable classes of each text or pair of texts, in the order given. All form one batch, whose memory grows with
  /// their number and is kept as [OpenModel] says; padding is masked, so that each text has the same result as alone, up
  /// to rounding.
  ///
  /// Scores are the softmax of the [#logits]; of a model with one class, whose softmax is always 1, they are the sigmoid (ref:
  /// transformers, `pipelines/text_classification.py`; sentence-transformers, `CrossEncoder`).
  ///
  /// @param texts may be empty
  /// @throws IllegalArgumentException if `top` is not positive, or the texts have more than 2³¹ - 9 tokens together, padding
  ///     included
  /// @see #classify(String, int, Progress)
  public List<List<Classification>> classifyTexts(List<Text> texts, int top, Progress progress) {
    var given = Arguments.elements(texts, "texts");
    Arguments.top(top);
    Objects.requireNonNull(progress, "progress");
    UnaryOperator<Tensor> scores = model.numClasses() == 1 ? logits -> logits.activate(Activation.SIGMOID) : Tensor::softmax;
    return run("scores", tokenizer, given, scores, progress).stream()
        .map(each -> Classification.likeliest(each, labels(), top)).toList();
  }

  /// What the model says of each text or pair of texts, in the order given: a number for each of [#labels()], before the softmax or
  /// sigmoid. A cross-encoder, a model of pairs with one class, says how well the second text answers the first.
  ///
  /// @param texts may be empty
  /// @return arrays of the caller's own
  /// @throws IllegalArgumentException if the texts have more than 2³¹ - 9 tokens together, padding included
  /// @see #classifyTexts
  public List<float[]> logits(List<Text> texts, Progress progress) {
    return logits(texts, false, progress);
  }

  /// The same, for texts of any length.
  ///
  /// @param truncated whether texts with more tokens than the model has positions are cut, the longer one of a pair first, as
  ///     sentence-transformers' `CrossEncoder` does; else they are refused
  public List<float[]> logits(List<Text> texts, boolean truncated, Progress progress) {
    var given = Arguments.elements(texts, "texts");
    Objects.requireNonNull(progress, "progress");
    return run("logits", truncated ? tokenizer.withTruncation(Truncation.to(model.maxTokens())) : tokenizer, given,
        UnaryOperator.identity(), progress);
  }

  private List<float[]> run(String kind, Tokenizer tokenizer, List<Text> texts, UnaryOperator<Tensor> last, Progress progress) {
    if (texts.isEmpty()) return List.of();
    var encodings = texts.stream().map(text -> TokenBatch.check(text.text, text.pair == null ? tokenizer.encode(text.text)
        : tokenizer.encode(text.text, text.pair), model.maxTokens(), model.vocabSize())).toList();
    var results = opened.run(kind, TokenBatch.padded(encodings).inputs(), inputs ->
        List.of(last.apply(model.logits(inputs.get(Model.INPUT_IDS), inputs.get(Model.ATTENTION_MASK),
            inputs.get(Model.TOKEN_TYPE_IDS)))), progress).getFirst();            // [B, classes]
    return Batches.rows(results, texts.size());
  }

  /// The names of the classes, in index order.
  public List<String> labels() {
    return opened.header().labels();
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
    return "TextClassifier: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says. Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
