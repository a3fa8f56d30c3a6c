package dev.fovea.models.chat;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.vlm.SeenPicture;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// An answer while it arrives: the pieces of its text, in whole characters, none of them empty.
///
/// ```java
/// try (var pieces = conversation.stream(List.of(picture), "What is this?")) {
///   while (pieces.hasNext()) out.print(pieces.next());
///   tokens += pieces.answer().ids().size();
/// }
/// ```
///
/// [#hasNext()] computes tokens until there is a piece of text. Until it has told the end, the conversation takes no other
/// question; closed before, or after an exception, the conversation is as it was before the question. One thread uses it at a time,
/// and not while another uses the conversation.
public final class AnswerStream implements Iterator<String>, AutoCloseable {
  private final Conversation conversation;
  private final LlamaSession session;
  private final Conversation.Asked asked;
  private final boolean probable;
  private final Sampler sampler;
  private final AnswerText answerText;
  private final List<Integer> ids = new ArrayList<>();
  private final List<TokenProbability> probabilities = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();
  private final long start = System.nanoTime();
  private String piece = "";
  private @Nullable Answer answer;
  private boolean isGone;

  AnswerStream(Conversation conversation, LlamaSession session, Conversation.Asked asked, ChatOptions options, Sampler sampler,
      Set<Integer> endTokens) {
    this.conversation = conversation;
    this.session = session;
    this.asked = asked;
    this.sampler = sampler;
    probable = options.logProbabilities();
    answerText = new AnswerText(conversation.chat().tokenizer(),
        new AnswerText.Limits(endTokens, options.stopStrings(), options.maxTokens()),
        conversation.template().separatesAnswerBySpace());
  }

  /// Whether there is more text; computes it.
  ///
  /// @throws CancelledException if the thread is interrupted
  /// @throws ArithmeticException if the model gives no usable logits
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the conversation was closed
  @Override
  public boolean hasNext() {
    if (isGone) return false;
    try {
      while (piece.isEmpty() && answerText.end() == null) piece = step();
      if (piece.isEmpty() && answer == null) finish();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
    return !piece.isEmpty();
  }

  /// The next piece.
  ///
  /// @throws NoSuchElementException if the answer has ended
  /// @see #hasNext()
  @Override
  public String next() {
    if (!hasNext()) throw new NoSuchElementException("the answer has ended");
    var next = piece;
    piece = "";
    return next;
  }

  private String step() {
    if (Thread.currentThread().isInterrupted())
      throw new CancelledException(conversation.chat().model().name(), new InterruptedException("interrupted"));
    int token = session.next(logits -> {
      int chosen = sampler.next(logits);
      if (probable) probabilities.add(TokenProbability.of(logits, chosen));
      return chosen;
    });
    ids.add(token);
    var more = answerText.add(token);
    if (answerText.end() == null && session.length() == session.capacity()) more += answerText.end(EndReason.CONTEXT_FULL);
    text.append(more);
    return more;
  }

  private void finish() {
    var time = Duration.ofNanos(System.nanoTime() - start);
    var said = text.toString();
    var size = asked.shown();
    var grounded = size == null ? new GroundedText(said, List.of())
        : GroundedText.of(said, size, conversation.chat().reader().preparation().size());
    int prompt = asked.ids().length;
    var all = new Answer(said, answerText.end(), ids, probabilities, grounded, prompt, prompt - asked.kept(), asked.seeing(),
        asked.reading(), time);
    conversation.commit(this, asked, all);
    answer = all;
  }

  /// Number of tokens of the conversation up to the answer.
  public int promptTokens() {
    return asked.ids().length;
  }

  /// The pictures that the question shows, as the model sees them.
  public List<SeenPicture> pictures() {
    return asked.seen();
  }

  /// The whole answer, once [#hasNext()] has told its end.
  ///
  /// @throws IllegalStateException if it has not ended, or was given up
  public Answer answer() {
    if (answer == null) throw new IllegalStateException("the answer has not ended");
    return answer;
  }

  /// Gives up an answer that has not ended; the conversation is as it was before the question. Otherwise it does nothing.
  @Override
  public void close() {
    if (isGone || answer != null) return;
    isGone = true;
    conversation.undo(this, asked);
  }
}
