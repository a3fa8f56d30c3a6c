package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.Encoding;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.argument.Arguments;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jetbrains.annotations.Nullable;

/// An embedder of texts. The file of an image-text model gives vectors of length 1 in the common space of [Pooling#JOINT] of
/// [PictureEmbedder]. The file of a text encoder, such as BERT, gives vectors pooled from the features of the tokens, as the model
/// was published in sentence-transformers' form, or by other [TextSettings].
///
/// Arguments are checked before any work. A null argument is refused with a [NullPointerException] that names the parameter.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class TextEmbedder implements AutoCloseable {
  private final OpenModel opened;
  /// Of an image-text model; null for a text encoder.
  private final @Nullable JoinsPicturesAndText model;
  private final @Nullable Tokenizer tokenizer;
  /// Of a text encoder; null for an image-text model.
  private final @Nullable SentenceEncoder sentences;

  TextEmbedder(OpenModel opened) {
    this.opened = opened;
    if (opened.model() instanceof EncodesText encodes) {
      sentences = new SentenceEncoder(opened, encodes);
      model = null;
      tokenizer = null;
      return;
    }
    sentences = null;
    model = requireJoins(opened, "a text encoder or a model of pictures and words");
    tokenizer = opened.tokenizer();
  }

  /// @throws CheckpointException if it is not an image-text model with an encoder of words
  static JoinsPicturesAndText requireJoins(OpenModel opened, String expected) {
    if (opened.model() instanceof JoinsPicturesAndText joins && joins.readsText()) return joins;
    throw new CheckpointException(opened.name() + ": expected " + expected + ", got family " + opened.header().family()
        + (opened.model() instanceof JoinsPicturesAndText ? " without an encoder of words" : ""));
  }

  private static TextEmbedder orClose(OpenModel opened) {
    try {
      return new TextEmbedder(opened);
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, or it is not a model of texts with a tokenizer
  /// @see #open(Path, OpenOptions)
  public static TextEmbedder open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, it is not a model of texts with a tokenizer, or it does not fit in
  ///     memory
  /// @throws CancelledException if the thread is interrupted
  public static TextEmbedder open(Path file, OpenOptions options) {
    return orClose(OpenModel.open(file, options));
  }

  /// Creates an embedder from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open and
  /// which must not be closed before it; as [OpenModel#of].
  ///
  /// @throws CheckpointException if it is not a model of texts with a tokenizer
  public static TextEmbedder of(Checkpoint checkpoint, Kernels kernels) {
    return orClose(OpenModel.of(checkpoint, kernels));
  }

  /// The vector of a text; as [#embed(String, Progress)].
  public float[] embed(String text) {
    return embed(text, Progress.NONE);
  }

  /// The vector of a text, by the model's [#settings()]. A call costs a pass of the text encoder; what the passes of
  /// texts of one length have in common is computed in the first and kept.
  ///
  /// @param progress called on the calling thread before each operation of the pass
  /// @return the caller's own
  /// @throws TokenizerException if the text has no tokens, one outside the model's vocabulary, more than an image-text model has
  ///     positions, or lacks the required [JoinsPicturesAndText#endOfText()]; a text encoder truncates to [#maxTokens()]
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the embedder is closed
  public float[] embed(String text, Progress progress) {
    return embed(List.of(Objects.requireNonNull(text, "text")), progress).getFirst();
  }

  /// The vectors of texts; as [#embed(List, Progress)].
  public List<float[]> embed(List<String> texts) {
    return embed(texts, Progress.NONE);
  }

  /// The vector of each text, in the order of the texts, by the model's [#settings()].
  ///
  /// @see #embed(List, TextSettings, Progress)
  public List<float[]> embed(List<String> texts, Progress progress) {
    return embed(texts, settings(), progress);
  }

  /// The vector of each text, in the order of the texts.
  ///
  /// An image-text model computes them in one pass, whose memory grows with their number and is kept as [OpenModel] says. Padding
  /// is masked, unless the model was trained to read it, so that each text has the same vector as alone, up to rounding.
  ///
  /// A text encoder sorts the texts by length and computes batches without padding, so that each text has the same vector as alone
  /// to the last bit.
  ///
  /// @param texts may be empty
  /// @throws IllegalArgumentException if the settings are not for this model, a text is a picture in base64, or texts for an
  ///     image-text model have more than 2³¹ - 9 tokens together, padding included
  /// @see #embed(String, Progress)
  public List<float[]> embed(List<String> texts, TextSettings settings, Progress progress) {
    var given = Arguments.elements(texts, "texts");
    Objects.requireNonNull(settings, "settings");
    Objects.requireNonNull(progress, "progress");
    if ((settings.pooling() == null) != (sentences == null))
      throw new IllegalArgumentException("settings: expected " + (sentences == null ? "no pooling" : "a pooling")
          + " for this model, got " + settings.pooling());
    if (sentences == null && !settings.normalized())
      throw new IllegalArgumentException("settings: expected vectors of length 1 of this model, got normalized false");
    given.forEach(TextEmbedder::requireWords);
    if (given.isEmpty()) return List.of();
    if (sentences != null) return sentences.vectors(given, settings, progress);
    var prompted = given.stream().map(text -> settings.prompt() + text).toList();
    return Batches.rows(run("vectors", prompted, this::vectors, progress), given.size());
  }

  /// A picture in base64 is a mistake of the caller's, and its letters mean nothing.
  private static void requireWords(String text) {
    if (Picture.kindInBase64(text) != null)
      throw new IllegalArgumentException("texts: expected words, got a picture in base64, '" + text.substring(0, 16)
          + "…'; PictureEmbedder embeds pictures");
  }

  /// How the model makes vectors unless it is told otherwise: as published; the mean without normalisation for a text encoder
  /// without such settings.
  public TextSettings settings() {
    return sentences == null ? new TextSettings(null, true, "") : sentences.settings();
  }

  /// Whether the model was published with its pooling; an image-text model is.
  public boolean hasPublishedSettings() {
    return !(opened.model() instanceof EncodesText encodes) || encodes.sentence() != null;
  }

  /// The published prompts by name, such as `query`; see [TextSettings#prompt()].
  public Map<String, String> prompts() {
    return sentences == null ? Map.of() : sentences.prompts();
  }

  /// The number of numbers of a vector.
  public int dimension() {
    return sentences == null ? model.commonDim() : sentences.channels();
  }

  /// The most tokens of a text, special tokens included. A text encoder ignores those beyond.
  public int maxTokens() {
    return sentences == null ? model.maxTokens() : sentences.maxTokens();
  }

  /// The number of tokens of a text before truncation, special tokens included.
  public int countTokens(String text) {
    Objects.requireNonNull(text, "text");
    return sentences == null ? tokenizer.encode(text).length() : sentences.countTokens(text);
  }

  /// The mean of the vectors of texts, normalised to length 1.
  float[] mean(List<String> texts, Progress progress) {
    return run("mean", texts, this::mean, progress);
  }

  private float[] run(String kind, List<String> texts, Function<Map<String, Tensor>, Tensor> forward, Progress progress) {
    var encodings = texts.stream().map(this::encode).toList();
    var batch = model.fillsUpWith() < 0 ? TokenBatch.padded(encodings)
        : TokenBatch.filled(encodings, model.maxTokens(), model.fillsUpWith());
    return opened.run(kind, batch.inputs(), inputs -> List.of(forward.apply(inputs)), progress).getFirst();
  }

  private Encoding encode(String text) {
    var encoding = TokenBatch.check(text, tokenizer.encode(text), model.maxTokens(), model.vocabSize());
    TokenBatch.requireEnd(text, encoding, model.endOfText());
    return encoding;
  }

  private Tensor vectors(Map<String, Tensor> inputs) {
    return model.textEmbeds(inputs.get(Model.INPUT_IDS), inputs.get(Model.ATTENTION_MASK));   // [T, D]
  }

  private Tensor mean(Map<String, Tensor> inputs) {
    var vectors = vectors(inputs);                                                                   // [T, D]
    return vectors.reshape(1, vectors.dim(0), vectors.dim(1)).mean(1).normalized();                  // [1, D]
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
    return "TextEmbedder: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says. Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
