package dev.fovea.models.chat;

import dev.fovea.models.argument.Arguments;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// How a model is talked to. Immutable.
///
/// @param capacity most tokens of the conversation, whose keys and values take memory from its beginning on; where the model's
///   context is shorter, that; 0 for as many as the first question and its answer need
/// @param maxTokens most tokens of an answer, the end token included
/// @param system rules of the conversation; null for those that the template has, if any
/// @param sampling how tokens are chosen; the n-th answer of a conversation draws with the seed plus n - 1
/// @param stopStrings texts that end an answer, and are not part of it
/// @param logProbabilities whether answers tell how probable each of their tokens was
/// @param template the form of the conversation; null for the one in the model's file
public record ChatOptions(int capacity, int maxTokens, @Nullable String system, Sampling sampling, List<String> stopStrings,
    boolean logProbabilities, @Nullable ChatTemplate template) {
  /// 2,048 tokens, of which 512 for an answer; the most probable token each time.
  public static final ChatOptions DEFAULT = new ChatOptions(2048, 512, null, Sampling.GREEDY, List.of(), false, null);

  /// @throws IllegalArgumentException if the capacity is negative, an answer has no token, or a stop string is empty
  public ChatOptions {
    Objects.requireNonNull(sampling, "sampling");
    stopStrings = Arguments.elements(stopStrings, "stopStrings");
    if (capacity < 0) throw new IllegalArgumentException("capacity: expected 0 or more, got " + capacity);
    if (maxTokens < 1) throw new IllegalArgumentException("tokens of an answer: expected at least 1, got " + maxTokens);
    if (stopStrings.contains("")) throw new IllegalArgumentException("stop string: expected at least one character, got none");
  }

  /// @throws IllegalArgumentException as the constructor
  public ChatOptions withCapacity(int capacity) {
    return new ChatOptions(capacity, maxTokens, system, sampling, stopStrings, logProbabilities, template);
  }

  /// @throws IllegalArgumentException as the constructor
  public ChatOptions withMaxTokens(int maxTokens) {
    return new ChatOptions(capacity, maxTokens, system, sampling, stopStrings, logProbabilities, template);
  }

  /// The same with rules of the conversation, in place of those that the template has.
  public ChatOptions withSystem(@Nullable String system) {
    return new ChatOptions(capacity, maxTokens, system, sampling, stopStrings, logProbabilities, template);
  }

  /// The same with another choice of tokens.
  public ChatOptions withSampling(Sampling sampling) {
    return new ChatOptions(capacity, maxTokens, system, sampling, stopStrings, logProbabilities, template);
  }

  /// @throws IllegalArgumentException as the constructor
  public ChatOptions withStopStrings(List<String> stopStrings) {
    return new ChatOptions(capacity, maxTokens, system, sampling, stopStrings, logProbabilities, template);
  }

  /// The same with or without the probabilities of an answer's tokens.
  public ChatOptions withLogProbabilities(boolean logProbabilities) {
    return new ChatOptions(capacity, maxTokens, system, sampling, stopStrings, logProbabilities, template);
  }

  /// The same in another form, for a file that holds none or an unknown one.
  public ChatOptions withTemplate(@Nullable ChatTemplate template) {
    return new ChatOptions(capacity, maxTokens, system, sampling, stopStrings, logProbabilities, template);
  }
}
