package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
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

/// An embedder of texts, from the file of an image-text model: vectors of length 1 in the common space of [Pooling#JOINT] of
/// [PictureEmbedder].
///
/// Arguments are checked before any work. A null argument is refused with a [NullPointerException] that names the parameter.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class TextEmbedder implements AutoCloseable {
  private final OpenModel opened;
  private final JoinsPicturesAndText model;
  private final Tokenizer tokenizer;

  TextEmbedder(OpenModel opened) {
    this.opened = opened;
    if (!(opened.model() instanceof JoinsPicturesAndText joins) || !joins.readsText())
      throw new CheckpointException(opened.name() + ": expected a model of pictures and words, got family "
          + opened.header().family()
          + (opened.model() instanceof JoinsPicturesAndText ? " without an encoder of words" : ""));
    model = joins;
    tokenizer = opened.tokenizer();
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
  /// @throws CheckpointException if there is no such file, or it is not an image-text model with a tokenizer
  /// @see #open(Path, OpenOptions)
  public static TextEmbedder open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, it is not an image-text model with a tokenizer, or it does not fit in
  ///     memory
  /// @throws CancelledException if the thread is interrupted
  public static TextEmbedder open(Path file, OpenOptions options) {
    return orClose(OpenModel.open(file, options));
  }

  /// Creates an embedder from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open and
  /// which must not be closed before it; as [OpenModel#of].
  ///
  /// @throws CheckpointException if it is not an image-text model with a tokenizer
  public static TextEmbedder of(Checkpoint checkpoint, Kernels kernels) {
    return orClose(OpenModel.of(checkpoint, kernels));
  }

  /// The vector of a text; as [#embed(String, Progress)].
  public float[] embed(String text) {
    return embed(text, Progress.NONE);
  }

  /// The vector of a text, of length 1. A call costs a pass of the text encoder; what the passes of texts of one length have in
  /// common is computed in the first and kept.
  ///
  /// @param progress called on the calling thread before each operation of the pass
  /// @return the caller's own
  /// @throws TokenizerException if the text has no tokens, more than the model has positions, one outside its vocabulary, or lacks
  ///     the required [JoinsPicturesAndText#endOfText()]
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

  /// The vector of each text, in the order of the texts, from one pass whose memory grows with their number and is kept as
  /// [OpenModel] says. Padding is masked, unless the model was trained to read it, so that each text has the same vector as
  /// alone, up to rounding.
  ///
  /// @param texts may be empty
  /// @throws IllegalArgumentException if the texts have more than 2³¹ - 9 tokens together, padding included
  /// @see #embed(String, Progress)
  public List<float[]> embed(List<String> texts, Progress progress) {
    var given = Arguments.elements(texts, "texts");
    Objects.requireNonNull(progress, "progress");
    if (given.isEmpty()) return List.of();
    return Batches.rows(run("vectors", given, this::vectors, progress), given.size());
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

  JoinsPicturesAndText model() {
    return model;
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
