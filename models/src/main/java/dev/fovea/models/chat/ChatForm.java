package dev.fovea.models.chat;

import java.util.List;
import org.jetbrains.annotations.Nullable;

/// The literals of a conversation's form. A turn is its opening, its content and its closing.
///
/// @param name for users
/// @param prefix before everything, including the token that begins a text; empty if the tokenizer adds that
/// @param standing system text of a conversation without a system turn; null if it has none
/// @param system around the system text, `%s`
/// @param pictures how pictures stand in a turn
/// @param user around a user's content, `%s`
/// @param userWithPicture around a user's content that begins with a picture
/// @param opening before an answer, where the model begins
/// @param space between the opening and an answer: the model says it first
/// @param closing after an answer; the model says its end token in place of the first part
/// @param ends tokens that end an answer
/// @param strips whether white space around a turn's text is dropped
record ChatForm(String name, String prefix, @Nullable String standing, String system, Pictures pictures, String user,
    String userWithPicture, String opening, String space, String closing, List<String> ends, boolean strips) {

  /// How pictures stand in a turn.
  ///
  /// @param placeholder for one picture; empty if the form has none
  /// @param after follows each picture that stands before the text
  /// @param tiled whether tiles are marked by row and column, and a picture's tokens are enclosed by marks
  record Pictures(String placeholder, String after, boolean tiled) {
    static final Pictures NONE = new Pictures("", "", false);
  }

  private static final String DEEPSEEK_SYSTEM = "You are a helpful language and vision assistant. You are able to understand the "
      + "visual content that the user provides, and assist the user with a variety of tasks using natural language.";
  private static final Pictures PLACEHOLDER = new Pictures("<image_placeholder>", "", false);

  /// ref: transformers, `convert_deepseek_vl_hybrid_weights_to_hf.py`, `CHAT_TEMPLATE`; deepseek_vl/utils/conversation.py, in which
  /// a system text replaces the standing one.
  static final ChatForm DEEPSEEK_VL = new ChatForm("deepseek-vl", "", DEEPSEEK_SYSTEM, "%s\n\n", PLACEHOLDER, "User: %s\n\n",
      "User: %s\n\n", "Assistant:", " ", "<｜end▁of▁sentence｜>", List.of("<｜end▁of▁sentence｜>"), true);
  /// DeepSeek-VL's form without a standing system text, as small checkpoints of the family have it.
  static final ChatForm DEEPSEEK_VL_SHORT = new ChatForm("deepseek-vl-short", "", null, "%s\n\n", PLACEHOLDER, "User: %s\n\n",
      "User: %s\n\n", "Assistant:", " ", "<|end|>", List.of("<|end|>"), false);
  /// ref: the `chat_template.json` of llava-1.5-7b-hf.
  static final ChatForm LLAVA = new ChatForm("llava-1.5", "", null, "%s ", new Pictures("<image>", "\n", false), "USER: %s ",
      "USER: %s ", "ASSISTANT:", " ", " ", List.of("</s>"), false);
  /// ref: the `chat_template.json` of SmolVLM-Instruct; transformers, `processing_smolvlm.py`.
  static final ChatForm SMOLVLM = new ChatForm("smolvlm", "<|im_start|>", null, "System: %s<end_of_utterance>\n",
      new Pictures("<image>", "", true), "User: %s<end_of_utterance>\n", "User:%s<end_of_utterance>\n", "Assistant:", " ",
      "<end_of_utterance>\n", List.of("<end_of_utterance>"), false);
  /// ref: the `tokenizer_config.json` of Meta-Llama-3-8B-Instruct.
  static final ChatForm LLAMA_3 = new ChatForm("llama-3", "<|begin_of_text|>", null,
      "<|start_header_id|>system<|end_header_id|>\n\n%s<|eot_id|>", Pictures.NONE,
      "<|start_header_id|>user<|end_header_id|>\n\n%s<|eot_id|>", "", "<|start_header_id|>assistant<|end_header_id|>\n\n", "",
      "<|eot_id|>", List.of("<|eot_id|>", "<|end_of_text|>", "<|eom_id|>"), true);
  /// ref: the `tokenizer_config.json` of Llama-3.1-8B-Instruct and Llama-3.2-1B-Instruct. The date is the one that these name for
  /// whoever gives none, so that an answer does not depend on the day.
  static final ChatForm LLAMA_3_1 = new ChatForm("llama-3.1", "<|begin_of_text|>", "",
      "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
          + "Today Date: 26 Jul 2024\n\n%s<|eot_id|>",
      Pictures.NONE, LLAMA_3.user, "", LLAMA_3.opening, "", LLAMA_3.closing, LLAMA_3.ends, true);
  /// ref: the `tokenizer_config.json` of Qwen2-0.5B-Instruct, whose standing system text is that of [#QWEN2].
  static final ChatForm CHATML = new ChatForm("chatml", "", null, "<|im_start|>system\n%s<|im_end|>\n", Pictures.NONE,
      "<|im_start|>user\n%s<|im_end|>\n", "", "<|im_start|>assistant\n", "", "<|im_end|>\n",
      List.of("<|im_end|>", "<|endoftext|>"), false);
  static final ChatForm QWEN2 = CHATML.withStanding("qwen2", "You are a helpful assistant.");
  /// No form at all, for models that only continue a text.
  static final ChatForm PLAIN = new ChatForm("plain", "", null, "%s\n", new Pictures("<image>", "\n", false), "%s", "%s", "", "",
      "\n", List.of(), false);

  static final List<ChatForm> ALL = List.of(DEEPSEEK_VL, DEEPSEEK_VL_SHORT, LLAVA, SMOLVLM, LLAMA_3, LLAMA_3_1, CHATML, QWEN2,
      PLAIN);

  ChatForm withStanding(String name, String standing) {
    return new ChatForm(name, prefix, standing, system, pictures, user, userWithPicture, opening, space, closing, ends, strips);
  }

  ChatForm withPrefix(String prefix) {
    return new ChatForm(name, prefix, standing, system, pictures, user, userWithPicture, opening, space, closing, ends, strips);
  }

  ChatForm withPlaceholder(String placeholder) {
    return new ChatForm(name, prefix, standing, system, new Pictures(placeholder, pictures.after, pictures.tiled), user,
        userWithPicture, opening, space, closing, ends, strips);
  }
}
