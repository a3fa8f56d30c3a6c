package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Residency;
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
/// It is thread-safe. Close it when no call is running.
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

  /// Opens a model file with the fastest kernels and one thread per processor. The weights are loaded into memory.
  ///
  /// @throws CheckpointException if there is no such file, or it is not an image-text model with a tokenizer
  /// @see #open(Path, Residency)
  public static TextEmbedder open(Path file) {
    return open(file, Residency.LOADED);
  }

  /// Opens a model file with the fastest kernels and one thread per processor.
  ///
  /// @param residency whether to load the weights into memory or to use them from the mapped file
  /// @throws CheckpointException if there is no such file, it is not an image-text model with a tokenizer, or it does not fit in
  ///     memory
  public static TextEmbedder open(Path file, Residency residency) {
    return orClose(OpenModel.open(file, residency));
  }

  /// Creates an embedder from an open checkpoint, which it closes, and from kernels, which it leaves open.
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

  /// Closes the model file; closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
