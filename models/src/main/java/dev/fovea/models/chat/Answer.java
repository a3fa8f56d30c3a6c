package dev.fovea.models.chat;

import dev.fovea.engine.image.mask.LabelledBox;
import dev.fovea.models.argument.Arguments;
import java.time.Duration;
import java.util.List;
import java.util.Objects;

/// What a model answered. Immutable.
///
/// @param text as the model said it, with the marks of a grounded answer
/// @param end why it ended
/// @param ids its tokens, the end token included
/// @param logProbabilities of each token, if the conversation's options ask for them; else empty
/// @param grounded the text without marks, and the boxes in the pixels of the picture that was shown last
/// @param promptTokens number of tokens of the conversation up to the answer
/// @param readTokens number of those that had not been read before
/// @param seeing time that the picture tower took
/// @param reading time that the decoder took for the prompt
/// @param answering time from the first token of the answer to the end, with that of a listener
public record Answer(String text, EndReason end, List<Integer> ids, List<TokenProbability> logProbabilities, GroundedText grounded,
    int promptTokens, int readTokens, Duration seeing, Duration reading, Duration answering) {
  public Answer {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(end, "end");
    ids = Arguments.elements(ids, "ids");
    logProbabilities = Arguments.elements(logProbabilities, "logProbabilities");
    Objects.requireNonNull(grounded, "grounded");
    Objects.requireNonNull(seeing, "seeing");
    Objects.requireNonNull(reading, "reading");
    Objects.requireNonNull(answering, "answering");
  }

  /// The boxes that the answer names, in its order, in the pixels of the picture that was shown last.
  public List<LabelledBox> boxes() {
    return grounded.boxes();
  }

  /// Tokens a second after the first one, which costs nothing once the prompt is read; 0 for an answer of one token.
  public double tokensPerSecond() {
    double seconds = answering.toNanos() * 1e-9;
    return ids.size() < 2 || seconds <= 0 ? 0 : (ids.size() - 1) / seconds;
  }
}
