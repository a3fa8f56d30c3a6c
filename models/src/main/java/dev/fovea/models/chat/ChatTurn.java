package dev.fovea.models.chat;

import java.util.Locale;
import java.util.Objects;

/// One turn of a conversation.
///
/// @param text what is said; it may hold the model's picture placeholder, such as `<image>`, where each picture stands
/// @param pictures number of pictures shown in the turn. Without placeholders in the text they stand before it, side by side.
public record ChatTurn(Role role, String text, int pictures) {
  /// Who speaks.
  public enum Role {
    /// Whoever sets the rules of the conversation, before all others.
    SYSTEM,
    /// Whoever asks.
    USER,
    /// The model.
    ASSISTANT
  }

  /// @throws IllegalArgumentException if the number of pictures is negative, or not 0 in a turn that is not the user's
  public ChatTurn {
    Objects.requireNonNull(role, "role");
    Objects.requireNonNull(text, "text");
    if (pictures < 0) throw new IllegalArgumentException("pictures: expected 0 or more, got " + pictures);
    if (pictures > 0 && role != Role.USER)
      throw new IllegalArgumentException("pictures: only the user shows pictures, got " + pictures + " of "
          + role.name().toLowerCase(Locale.ROOT));
  }

  /// The rules of a conversation.
  public static ChatTurn system(String text) {
    return new ChatTurn(Role.SYSTEM, text, 0);
  }

  /// A question without pictures.
  public static ChatTurn user(String text) {
    return new ChatTurn(Role.USER, text, 0);
  }

  /// A question with pictures.
  ///
  /// @throws IllegalArgumentException if their number is negative
  public static ChatTurn user(String text, int pictures) {
    return new ChatTurn(Role.USER, text, pictures);
  }

  /// An answer.
  public static ChatTurn assistant(String text) {
    return new ChatTurn(Role.ASSISTANT, text, 0);
  }

  boolean isAnswer() {
    return role == Role.ASSISTANT;
  }
}
