package dev.fovea.models.llama;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.models.ContinuesText;
import dev.fovea.models.ModelSession;
import dev.fovea.models.OpenModel;
import java.lang.foreign.Arena;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;

/// A text that an open model continues token by token. It keeps the keys and values of the tokens, so that each is read once.
///
/// ```java
/// try (var session = LlamaSession.open(model, 2048)) {
///   session.read(prompt);
///   for (int i = 0; i < 100; i++) {
///     int token = session.next(NextToken.GREEDY);
///     if (session.isEnd(token)) break;
///   }
/// }
/// ```
///
/// One thread uses a session at a time; different threads may use it one after the other, and one that comes while another is using
/// it is refused with an [IllegalStateException]. [#close()] and [#bytes()] are for any thread at any time. Any number of sessions
/// may use a model at once. An interrupt ends a call before its next operation; the text is then as it was before the call.
public final class LlamaSession implements AutoCloseable {
  private final OpenModel model;
  private final ContinuesText continues;
  private final ModelSession session;
  private final DecoderState state;
  private long told;

  private LlamaSession(OpenModel model, ContinuesText continues, ModelSession session, DecoderState state) {
    this.model = model;
    this.continues = continues;
    this.session = session;
    this.state = state;
  }

  /// Begins an empty text. Closing the model closes the session.
  ///
  /// @param capacity most tokens of the text, which take memory from now on ([#bytes()])
  /// @throws CheckpointException if the model does not continue texts
  /// @throws InputException if the capacity is not positive or exceeds the model's context
  /// @throws IllegalStateException if the model is closed
  public static LlamaSession open(OpenModel model, int capacity) {
    Objects.requireNonNull(model, "model");
    var continues = model.model(ContinuesText.class, "a model that continues texts");
    var session = model.session();
    try {
      return session.use(() -> {
        var state = new DecoderState(continues.language(), capacity);
        session.keep(state, state.bytes());
        return new LlamaSession(model, continues, session, state);
      });
    } catch (RuntimeException | Error e) {
      session.close();
      throw e;
    }
  }

  /// Runs `work` as a use of the session, and tells the model when the memory has grown.
  private <R> R use(Supplier<R> work) {
    return session.use(() -> {
      try {
        return model.checkpoint().reading(work);
      } finally {
        long bytes = state.bytes();
        if (bytes != told) session.keep(state, told = bytes);
      }
    });
  }

  /// The model that continues the text.
  public OpenModel model() {
    return model;
  }

  /// Tokens of the text.
  ///
  /// @throws IllegalStateException if the session is closed or in use by another thread
  public int length() {
    return session.use(state::length);
  }

  /// Most tokens of the text.
  public int capacity() {
    return state.capacity();
  }

  /// Whether a token ends a text, by the model's config.
  public boolean isEnd(int token) {
    return continues.language().config().eosTokenIds().contains(token);
  }

  /// Adds tokens to the text and reads it. The time is that of a pass over these tokens.
  ///
  /// @throws InputException if there is no token, one is not in the vocabulary, or the text exceeds the capacity; the text is then
  ///     unchanged
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the session is closed or in use by another thread
  public void read(int... tokens) {
    Objects.requireNonNull(tokens, "tokens");
    use(() -> {
      state.read(session.workspace(), tokens);
      return null;
    });
  }

  /// Adds tokens to the text, given as embeddings, and reads it: those of text and pictures, for example.
  ///
  /// @param embeddings computes `[1, N, C]`, by passes in the workspace that it is given; it is copied
  /// @throws InputException as [#read(int...)], or if the embeddings have another shape
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the session is closed or in use by another thread
  public void read(Function<Workspace, Tensor> embeddings) {
    Objects.requireNonNull(embeddings, "embeddings");
    use(() -> {
      try (var arena = Arena.ofShared()) {
        state.read(session.workspace(), embeddings.apply(session.workspace()).copy(arena));
      }
      return null;
    });
  }

  /// Chooses the next token and adds it to the text. The time is that of one token; nothing is recorded, planned or allocated for
  /// it.
  ///
  /// @param choose called on the calling thread
  /// @return the token
  /// @throws InputException if the text is empty or has reached its capacity, its end was forgotten, or the choice is not in the
  ///     vocabulary; the text is then unchanged
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the session is closed or in use by another thread
  public int next(NextToken choose) {
    Objects.requireNonNull(choose, "choose");
    return use(() -> state.next(session.workspace(), choose));
  }

  /// Forgets the tokens after the first `length`, such as an answer that was not wanted; it costs nothing. Unless that is only the
  /// last choice, tokens must be read before the next one.
  ///
  /// @throws InputException if the text has fewer tokens
  /// @throws IllegalStateException if the session is closed or in use by another thread
  public void truncate(int length) {
    use(() -> {
      state.truncate(length);
      return null;
    });
  }

  /// The logits of the next token, `[vocabulary]`, the caller's own; [Logits#logProbability] makes log probabilities of them.
  ///
  /// @throws InputException if the text is empty, or its end was forgotten
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the session is closed or in use by another thread
  public float[] logits() {
    return use(() -> state.logits(session.workspace()));
  }

  /// Bytes of the keys and values and of the recorded step; 0 once the session is closed.
  public long bytes() {
    return session.bytes();
  }

  /// Frees the session's memory, after a running use by another thread has ended; closing twice is harmless.
  @Override
  public void close() {
    session.close();
  }

  @Override
  public String toString() {
    return session.toString();
  }
}
