package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.Encoding;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Kernels;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// An embedder of texts, from the file of an image-text model: vectors of length 1 in the common space of [Pooling#JOINT] of
/// [PictureEmbedder].
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
    } catch (RuntimeException e) {
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
  public static TextEmbedder open(Path file, OpenOptions options) {
    return orClose(OpenModel.open(file, options));
  }

  /// Creates an embedder from an open checkpoint, which it closes, and from kernels, which it leaves open and which must not be
  /// closed before it.
  ///
  /// @throws CheckpointException if it is not an image-text model with a tokenizer
  public static TextEmbedder of(Checkpoint checkpoint, Kernels kernels) {
    return orClose(OpenModel.of(checkpoint, kernels));
  }

  /// The vector of a text.
  ///
  /// @throws TokenizerException if the text has no tokens, more than the model has positions, one outside its vocabulary, or lacks
  /// the required [JoinsPicturesAndText#endOfText()]
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the embedder is closed
  public float[] embed(String text) {
    return mean(List.of(text));
  }

  /// The mean of the vectors of texts, normalised to length 1.
  float[] mean(List<String> texts) {
    var encodings = texts.stream().map(this::encode).toList();
    var batch = model.fillsUpWith() < 0 ? TokenBatch.padded(encodings)
        : TokenBatch.filled(encodings, model.maxTokens(), model.fillsUpWith());
    return opened.run("mean", batch.inputs(), inputs -> List.of(mean(inputs)), Progress.NONE).getFirst();
  }

  private Encoding encode(String text) {
    var encoding = TokenBatch.check(text, tokenizer.encode(text), model.maxTokens(), model.vocabSize());
    TokenBatch.requireEnd(text, encoding, model.endOfText());
    return encoding;
  }

  private Tensor mean(Map<String, Tensor> inputs) {
    var vectors = model.textEmbeds(inputs.get(Model.INPUT_IDS), inputs.get(Model.ATTENTION_MASK));   // [T, D]
    return vectors.reshape(1, vectors.dim(0), vectors.dim(1)).mean(1).normalized();                  // [1, D]
  }

  JoinsPicturesAndText model() {
    return model;
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
