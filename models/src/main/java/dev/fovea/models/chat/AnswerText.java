package dev.fovea.models.chat;

import dev.fovea.engine.text.StreamingDecoder;
import dev.fovea.engine.text.Tokenizer;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// The text of an answer while its tokens arrive, and its end.
///
/// ```java
/// var answer = new AnswerText(tokenizer, new AnswerText.Limits(endTokens, List.of("\n\n"), 256));
/// while (answer.end() == null) out.print(answer.add(sampler.next(logits)));
/// ```
///
/// The returned strings together are the answer: whole characters, without the stop string, and nothing that may be its beginning.
/// Special tokens have no text, except for the marks of grounded answers ([GroundedText#MARKS]). Not thread-safe.
public final class AnswerText {
  private final Tokenizer tokenizer;
  private final Limits limits;
  private final StreamingDecoder decoder;
  private final StopStrings stops;
  private final Set<Integer> silent = new HashSet<>();
  private boolean atStart;
  private int tokens;
  private @Nullable EndReason end;

  /// What ends an answer.
  ///
  /// @param endTokens ids of tokens that end it, without text; may be empty
  /// @param stopStrings texts that end it, and are not part of it; may be empty
  /// @param maxTokens maximum number of tokens, the end token included
  public record Limits(Set<Integer> endTokens, List<String> stopStrings, int maxTokens) {
    /// @throws IllegalArgumentException if a stop string is empty, or the maximum is not positive
    public Limits {
      endTokens = Set.copyOf(Objects.requireNonNull(endTokens, "endTokens"));
      stopStrings = List.copyOf(Objects.requireNonNull(stopStrings, "stopStrings"));
      if (stopStrings.contains("")) throw new IllegalArgumentException("stop string: expected at least one character, got none");
      if (maxTokens < 1) throw new IllegalArgumentException("tokens of an answer: expected at least 1, got " + maxTokens);
    }
  }

  /// The text of an answer from its first token on.
  public AnswerText(Tokenizer tokenizer, Limits limits) {
    this(tokenizer, limits, false);
  }

  /// The text of an answer from its first token on.
  ///
  /// @param dropFirstSpace whether a space at the beginning belongs to the form of the conversation, as
  ///   [ChatTemplate#separatesAnswerBySpace()] tells
  public AnswerText(Tokenizer tokenizer, Limits limits, boolean dropFirstSpace) {
    this.tokenizer = Objects.requireNonNull(tokenizer, "tokenizer");
    this.limits = Objects.requireNonNull(limits, "limits");
    decoder = tokenizer.stream(false);
    stops = new StopStrings(limits.stopStrings);
    for (var token : tokenizer.addedTokens())
      if (token.special() && !GroundedText.MARKS.contains(token.content())) silent.add(token.id());
    atStart = dropFirstSpace;
  }

  /// Adds the next token.
  ///
  /// @return the text that is newly certain; with the token that ends the answer, all the rest
  /// @throws IllegalStateException if the answer has ended
  public String add(int token) {
    if (end != null) throw new IllegalStateException("the answer has ended: " + end);
    tokens++;
    if (limits.endTokens.contains(token)) return end(EndReason.END_TOKEN);
    var text = silent.contains(token) ? "" : stops.add(withoutFirstSpace(decoder.add(token)));
    if (stops.isStopped()) {
      end = EndReason.STOP_STRING;
      return text;
    }
    return tokens < limits.maxTokens ? text : text + end(EndReason.TOKEN_LIMIT);
  }

  /// Ends the answer from outside. If its last text holds a stop string, or the answer has ended, that reason stays.
  ///
  /// @return the rest of the text: what may have been the beginning of a stop string, and an unfinished character as U+FFFD
  public String end(EndReason reason) {
    Objects.requireNonNull(reason, "reason");
    if (end != null) return "";
    var rest = stops.add(withoutFirstSpace(decoder.finish())) + stops.finish();
    end = stops.isStopped() ? EndReason.STOP_STRING : reason;
    return rest;
  }

  private String withoutFirstSpace(String text) {
    if (!atStart || text.isEmpty()) return text;
    atStart = false;
    return text.startsWith(" ") ? text.substring(1) : text;
  }

  /// Why the answer ended; null before.
  public @Nullable EndReason end() {
    return end;
  }

  /// Number of tokens so far, the end token included.
  public int tokens() {
    return tokens;
  }

  /// The tokenizer that gives tokens their text.
  public Tokenizer tokenizer() {
    return tokenizer;
  }
}
