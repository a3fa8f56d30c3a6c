package dev.fovea.models.chat;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.text.Encoding;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.models.argument.Arguments;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jetbrains.annotations.Nullable;

/// The form in which a model was taught conversations: turns in, one text out.
///
/// ```java
/// var template = ChatTemplate.recognise(model.name(), ModelHeader.chatTemplate(model.checkpoint()));
/// var text = template.prompt(List.of(ChatTurn.user("What is this?", 1)));      // … <image> …
/// var expanded = template.expand(text, List.of(PictureTokens.whole(576)));     // … <image><image> …
/// var ids = template.encode(tokenizer, expanded).ids();
/// ```
///
/// Published checkpoints hold their form as a Jinja program. It is not run: the known forms are recognised by their literals.
/// Immutable and thread-safe.
public final class ChatTemplate {
  /// Literals around the standing system text of ChatML, as a line feed or as Jinja writes one.
  private static final Pattern STANDING = Pattern.compile("<\\|im_start\\|>system(?:\\\\n|\n)([^{}<'\"]++)<\\|im_end\\|>");
  private static final String PICTURE_AROUND = "<fake_token_around_image>", WHOLE = "<global-img>";

  private final ChatForm form;

  private ChatTemplate(ChatForm form) {
    this.form = form;
  }

  /// The names of the known forms.
  public static List<String> names() {
    return ChatForm.ALL.stream().map(ChatForm::name).toList();
  }

  /// A known form.
  ///
  /// @throws IllegalArgumentException if the name is not known; its message lists those that are
  public static ChatTemplate named(String name) {
    Objects.requireNonNull(name, "name");
    for (var form : ChatForm.ALL) if (form.name().equals(name)) return new ChatTemplate(form);
    throw new IllegalArgumentException("chat template '" + name + "': expected one of " + String.join(", ", names()));
  }

  /// The form of a Jinja program.
  ///
  /// @param where its name in error messages
  /// @param jinja a checkpoint's `chat_template`
  /// @throws CheckpointException if it is none of the known ones; the message lists their names
  public static ChatTemplate recognise(String where, String jinja) {
    Objects.requireNonNull(where, "where");
    Objects.requireNonNull(jinja, "jinja");
    var form = form(jinja);
    if (form == null)
      throw new CheckpointException(where + ": the chat template is not known: name one of " + String.join(", ", names()));
    return new ChatTemplate(form);
  }

  /// Each form by what its published program says and no other form's does.
  private static @Nullable ChatForm form(String jinja) {
    if (says(jinja, "User: ", "Assistant:", "<image_placeholder>"))
      return says(jinja, "<｜end▁of▁sentence｜>") && says(jinja, "You are a helpful language and vision assistant")
          ? ChatForm.DEEPSEEK_VL : says(jinja, "<|end|>") ? ChatForm.DEEPSEEK_VL_SHORT : null;
    if (says(jinja, "<end_of_utterance>", "<image>", "capitalize", "'Assistant:'")) {
      int program = jinja.indexOf('{');
      return ChatForm.SMOLVLM.withPrefix(jinja.substring(0, program).strip());
    }
    boolean pictureAlone = says(jinja, "'<image>\\n'") || says(jinja, "'<image>\n'");
    if (pictureAlone && says(jinja, "'ASSISTANT:'", ".upper() + ': '")) return ChatForm.LLAVA;
    if (says(jinja, "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>") && !says(jinja, "<|image|>"))
      return says(jinja, "Cutting Knowledge Date") ? ChatForm.LLAMA_3_1 : ChatForm.LLAMA_3;
    boolean pictures = says(jinja, "<image>") || says(jinja, "image_pad") || says(jinja, "vision_start");
    if (!pictures && says(jinja, "<|im_start|>", "<|im_end|>") && !says(jinja, "<think>")) {
      var standing = STANDING.matcher(jinja);
      if (!standing.find()) return ChatForm.CHATML;
      boolean isQwen2 = standing.group(1).equals(ChatForm.QWEN2.standing());
      return isQwen2 ? ChatForm.QWEN2 : ChatForm.CHATML.withStanding(ChatForm.CHATML.name(), standing.group(1));
    }
    return null;
  }

  private static boolean says(String jinja, String... literals) {
    for (var literal : literals) if (!jinja.contains(literal)) return false;
    return true;
  }

  /// This form with another placeholder, such as the text of the model's picture token where it is an unusual one. A form without
  /// pictures stays one.
  ///
  /// @throws IllegalArgumentException if it is empty
  public ChatTemplate withPlaceholder(String placeholder) {
    Objects.requireNonNull(placeholder, "placeholder");
    if (placeholder.isEmpty()) throw new IllegalArgumentException("picture placeholder: expected a token's text, got none");
    return takesPictures() ? new ChatTemplate(form.withPlaceholder(placeholder)) : this;
  }

  /// The name of the form, one of [#names()].
  public String name() {
    return form.name();
  }

  /// Whether turns may show pictures.
  public boolean takesPictures() {
    return !form.pictures().placeholder().isEmpty();
  }

  /// What stands for a picture in a text; empty if turns show none.
  public String placeholder() {
    return form.pictures().placeholder();
  }

  /// Whether the space that the model says first is part of the form, not of the answer.
  public boolean separatesAnswerBySpace() {
    return !form.space().isEmpty();
  }

  /// The ids of the tokens with which a model ends an answer in this form, as far as the tokenizer has them. The checkpoint's
  /// `eos_token_id` ends it as well.
  public Set<Integer> endTokens(Tokenizer tokenizer) {
    Objects.requireNonNull(tokenizer, "tokenizer");
    return form.ends().stream().map(tokenizer::id).filter(id -> id >= 0).collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /// The text of a conversation up to where the model answers, with a placeholder for each picture.
  ///
  /// @param turns of the user and the assistant in turn, the last one the user's; a turn of the system may come first
  /// @throws IllegalArgumentException if turns are in another order, show pictures in a form without, or the placeholders in a text
  ///   are not as many as its pictures
  public String prompt(List<ChatTurn> turns) {
    var given = Arguments.elements(turns, "turns");
    boolean hasSystem = !given.isEmpty() && given.getFirst().role() == ChatTurn.Role.SYSTEM;
    var text = new StringBuilder(form.prefix());
    var standing = hasSystem ? content(given.getFirst()) : form.standing();
    if (standing != null) text.append(form.system().replace("%s", standing));
    var expected = ChatTurn.Role.USER;
    for (var turn : hasSystem ? given.subList(1, given.size()) : given) {
      if (turn.role() != expected) throw wrongOrder(expected, turn.role().name());
      boolean asks = expected == ChatTurn.Role.USER;
      text.append(asks ? user(turn) : answer(turn));
      expected = asks ? ChatTurn.Role.ASSISTANT : ChatTurn.Role.USER;
    }
    if (expected == ChatTurn.Role.USER) throw wrongOrder(expected, "the end");
    return text.append(form.opening()).toString();
  }

  /// The text from the end of an answer to where the model answers again, so that what is computed of a conversation can be kept:
  /// [#prompt] of the turns so far, the answer as the model said it, and this are the prompt of all. Some tokenizers treat the
  /// beginning of a text in a special way; with them only the tokens of the prompt of all are exact.
  ///
  /// @param endToken whether the answer's end token, see [#endTokens], is among what is kept
  /// @param turn the user's next one
  /// @throws IllegalArgumentException as [#prompt]
  public String continuation(boolean endToken, ChatTurn turn) {
    Objects.requireNonNull(turn, "turn");
    if (turn.role() != ChatTurn.Role.USER) throw wrongOrder(ChatTurn.Role.USER, turn.role().name());
    var closing = form.closing();
    if (endToken) for (var end : form.ends()) if (closing.startsWith(end)) closing = closing.substring(end.length());
    return closing + user(turn) + form.opening();
  }

  private static IllegalArgumentException wrongOrder(ChatTurn.Role expected, String got) {
    return new IllegalArgumentException("turns: expected one of " + expected.name().toLowerCase(Locale.ROOT) + ", got "
        + got.toLowerCase(Locale.ROOT));
  }

  private String user(ChatTurn turn) {
    var content = content(turn);
    int written = count(content, placeholder());
    if (turn.pictures() > 0 && !takesPictures())
      throw new IllegalArgumentException("pictures: the chat template " + name() + " has no place for pictures, got "
          + turn.pictures());
    if (written > 0) requireEqual(turn.pictures(), written);
    else content = (placeholder() + form.pictures().after()).repeat(turn.pictures()) + content;
    boolean pictureFirst = turn.pictures() > 0 && content.startsWith(placeholder());
    return (pictureFirst ? form.userWithPicture() : form.user()).replace("%s", content);
  }

  /// An answer of the past. Placeholders in it are no pictures.
  private String answer(ChatTurn turn) {
    var content = content(turn);
    if (takesPictures()) content = content.replace(placeholder(), "");
    return form.opening() + form.space() + content + form.closing();
  }

  private String content(ChatTurn turn) {
    return form.strips() ? turn.text().strip() : turn.text();
  }

  private void requireEqual(int pictures, int placeholders) {
    if (pictures != placeholders)
      throw new IllegalArgumentException("pictures: expected " + placeholders + " for the placeholders " + placeholder()
          + " in the text, got " + pictures);
  }

  private static int count(String text, String part) {
    int count = 0;
    for (int at = 0; !part.isEmpty() && (at = text.indexOf(part, at)) >= 0; at += part.length()) count++;
    return count;
  }

  /// Replaces the placeholder of each picture by the text of as many picture tokens as it takes. In forms with tiles, marks tell
  /// the row and column of each tile and enclose the whole (ref: transformers, `processing_smolvlm.py`, `get_image_prompt_string`).
  ///
  /// @param text as of [#prompt] or [#continuation]
  /// @param pictures in the order of the text
  /// @throws IllegalArgumentException if there are not as many pictures as placeholders, or a picture is cut that must be whole
  public String expand(String text, List<PictureTokens> pictures) {
    Objects.requireNonNull(text, "text");
    var given = Arguments.elements(pictures, "pictures");
    requireEqual(given.size(), count(text, placeholder()));
    var expanded = new StringBuilder();
    int at = 0;
    for (var picture : given) {
      int next = text.indexOf(placeholder(), at);
      expanded.append(text, at, next).append(form.pictures().tiled() ? tiles(picture) : whole(picture));
      at = next + placeholder().length();
    }
    return expanded.append(text, at, text.length()).toString();
  }

  private String whole(PictureTokens picture) {
    if (picture.rows() > 0)
      throw new IllegalArgumentException("pictures: the chat template " + name() + " takes whole pictures, got tiles of "
          + picture.rows() + "x" + picture.columns());
    return placeholder().repeat(picture.tokens());
  }

  private String tiles(PictureTokens picture) {
    var tokens = placeholder().repeat(picture.tokens());
    var text = new StringBuilder();
    for (int row = 1; row <= picture.rows(); row++) {
      for (int column = 1; column <= picture.columns(); column++)
        text.append(PICTURE_AROUND).append("<row_").append(row).append("_col_").append(column).append('>').append(tokens);
      text.append('\n');
    }
    if (picture.rows() > 0) text.append('\n');
    return text.append(PICTURE_AROUND).append(WHOLE).append(tokens).append(PICTURE_AROUND).toString();
  }

  /// Encodes the text of [#prompt], expanded, with the token that begins a text once: as part of the form, or as the tokenizer adds
  /// it.
  public Encoding encode(Tokenizer tokenizer, String prompt) {
    Objects.requireNonNull(tokenizer, "tokenizer");
    Objects.requireNonNull(prompt, "prompt");
    return tokenizer.encode(prompt, form.prefix().isEmpty());
  }

  /// Encodes the text of [#continuation], expanded, without the token that begins a text.
  public Encoding encodeContinuation(Tokenizer tokenizer, String continuation) {
    Objects.requireNonNull(tokenizer, "tokenizer");
    Objects.requireNonNull(continuation, "continuation");
    return tokenizer.encode(continuation, false);
  }

  /// Two are equal if they give the same text for any turns.
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ChatTemplate template && form.equals(template.form);
  }

  @Override
  public int hashCode() {
    return form.hashCode();
  }

  @Override
  public String toString() {
    return "chat template " + name();
  }
}
