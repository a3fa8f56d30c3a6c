package dev.fovea.models.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.Preprocessing.Pixels;
import dev.fovea.engine.image.PicturePreparation.Inputs;
import dev.fovea.engine.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The text of conversations in each form, and which form a checkpoint has.
class ChatTemplateTest {
  private static final Path DEMO = Path.of("src/test/resources/demo-vlm");
  private static final List<ChatTurn> CONVERSATION = List.of(ChatTurn.system("Be brief."), ChatTurn.user("What?", 2),
      ChatTurn.assistant("A cat."), ChatTurn.user("Sure?"));
  private static final List<ChatTurn> WORDS = List.of(ChatTurn.system("Be brief."), ChatTurn.user("What?"),
      ChatTurn.assistant("A cat."), ChatTurn.user("Sure?"));

  private static String prompt(String name, ChatTurn... turns) {
    return ChatTemplate.named(name).prompt(List.of(turns));
  }

  @Test
  void deepseek() {
    assertThat(ChatTemplate.named("deepseek-vl").prompt(CONVERSATION)).isEqualTo("Be brief.\n\nUser: <image_placeholder>"
        + "<image_placeholder>What?\n\nAssistant: A cat.<｜end▁of▁sentence｜>User: Sure?\n\nAssistant:");
    assertThat(prompt("deepseek-vl", ChatTurn.user(" Hello \n")))
        .isEqualTo("You are a helpful language and vision assistant. You are able "
        + "to understand the visual content that the user provides, and assist the user with a variety of tasks using natural "
        + "language."
        + "\n\nUser: Hello\n\nAssistant:");
    assertThat(prompt("deepseek-vl-short", ChatTurn.user("Hello", 1))).isEqualTo("User: <image_placeholder>Hello\n\nAssistant:");
  }

  @Test
  void llava() {
    assertThat(ChatTemplate.named("llava-1.5").prompt(CONVERSATION)).isEqualTo("Be brief. USER: <image>\n<image>\nWhat? ASSISTANT: "
        + "A cat. USER: Sure? ASSISTANT:");
  }

  @Test
  void smolvlm() {
    assertThat(ChatTemplate.named("smolvlm").prompt(CONVERSATION)).isEqualTo("<|im_start|>System: Be brief.<end_of_utterance>\n"
        + "User:<image><image>What?<end_of_utterance>\nAssistant: A cat.<end_of_utterance>\nUser: "
        + "Sure?<end_of_utterance>\nAssistant:");
    assertThat(prompt("smolvlm", ChatTurn.user("In <image> and <image>?", 2)))
        .isEqualTo("<|im_start|>User: In <image> and <image>?<end_of_utterance>\nAssistant:");
  }

  @Test
  void llama3() {
    assertThat(ChatTemplate.named("llama-3").prompt(WORDS))
        .isEqualTo("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        + "Be "
        + "brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhat?<|eot_id|><|start_header_id|>assistant<|end_header_id|>"
        + "\n\nA cat.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nSure?<|eot_id|><|start_header_id|>assistant"
        + "<|end_header_id|>\n\n");
    assertThat(prompt("llama-3", ChatTurn.user("Hi"))).startsWith("<|begin_of_text|><|start_header_id|>user");
    assertThat(prompt("llama-3.1", ChatTurn.user("Hi")))
        .startsWith("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        + "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|><|start_header_id|>user");
    assertThat(ChatTemplate.named("llama-3.1").prompt(WORDS)).contains("2024\n\nBe brief.<|eot_id|>");
  }

  @Test
  void chatml() {
    assertThat(ChatTemplate.named("chatml").prompt(WORDS)).isEqualTo("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n"
        + "What?<|im_end|>\n<|im_start|>assistant\nA cat.<|im_end|>\n<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n");
    assertThat(prompt("chatml", ChatTurn.user("Hi"))).startsWith("<|im_start|>user");
    assertThat(prompt("qwen2", ChatTurn.user("Hi")))
        .startsWith("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
  }

  @Test
  void plain() {
    assertThat(prompt("plain", ChatTurn.user("Once upon"))).isEqualTo("Once upon");
    assertThat(ChatTemplate.named("plain").withPlaceholder("<p>").prompt(CONVERSATION))
        .isEqualTo("Be brief.\n<p>\n<p>\nWhat?A cat.\nSure?");
  }

  /// Literals of the published programs, which the tests need not hold as a whole.
  @ParameterizedTest
  @MethodSource("published")
  void formsAreRecognised(String name, String jinja) {
    assertThat(ChatTemplate.recognise("folder", jinja)).isEqualTo(ChatTemplate.named(name)).hasToString("chat template " + name);
  }

  static List<Object[]> published() {
    return List.of(new Object[] {"deepseek-vl",
        "{% set seps = ['\\n\\n', '<｜end▁of▁sentence｜>'] %}You are a helpful language and vision "
        + "assistant. {% for m in messages %}User: Assistant:<image_placeholder>{% endfor %}"},
        new Object[] {"llava-1.5", "{{ message['role'].upper() + ': '}}{{ '<image>\\n' }}{{ 'ASSISTANT:' }}"},
        new Object[] {"llava-1.5", "{{ message['role'].upper() + ': '}}{{ '<image>\n' }}{{ 'ASSISTANT:' }}"},
        new Object[] {"smolvlm", "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}{{ '<image>' }}"
            + "<end_of_utterance>\n{% endfor %}{{ 'Assistant:' }}"},
        new Object[] {"llama-3", "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}<|eot_id|>"},
        new Object[] {"llama-3.1",
        "<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\n<|eot_id|>"},
        new Object[] {"chatml", "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"},
        new Object[] {"qwen2", "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{{'<|im_start|>'}}"});
  }

  @Test
  void partsOfAFormAreReadFromItsProgram() {
    var chatml = ChatTemplate.recognise("f",
        "{{- '<|im_start|>system\\n' }}{{ '<|im_start|>system\nYou are Qwen, created by Alibaba "
        + "Cloud.<|im_end|>\n' }}");
    assertThat(chatml.name()).isEqualTo("chatml");
    assertThat(chatml.prompt(List.of(ChatTurn.user("Hi"))))
        .startsWith("<|im_start|>system\nYou are Qwen, created by Alibaba Cloud.<|im_end|>\n<|im_start|>user");
    var smol = ChatTemplate.recognise("f", "<|begin_of_text|>{% for m %}{{message['role'].capitalize()}}{{ '<image>' }}"
        + "<end_of_utterance>{{ 'Assistant:' }}");
    assertThat(smol.prompt(List.of(ChatTurn.user("Hi")))).startsWith("<|begin_of_text|>User: Hi");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{{ messages }}", "[INST] {{ content }} [/INST]", "<|im_start|>{{ '<image>' }}<|im_end|>",
      "<|im_start|><|vision_start|><|image_pad|><|im_end|>", "User: <image_placeholder> Assistant:",
      "<|start_header_id|><|end_header_id|><|eot_id|><|image|>"})
  void unknownFormsAreRefusedInOneLine(String jinja) {
    assertThatThrownBy(() -> ChatTemplate.recognise("folder/x", jinja)).isInstanceOf(CheckpointException.class)
        .hasMessage("folder/x: the chat template is not known: name one of " + String.join(", ", ChatTemplate.names()));
    assertThatThrownBy(() -> ChatTemplate.named(jinja)).isInstanceOf(IllegalArgumentException.class)
        .hasMessageEndingWith("expected one of deepseek-vl, deepseek-vl-short, llava-1.5, smolvlm, llama-3, llama-3.1, "
        + "chatml, qwen2, "
            + "plain");
  }

  /// As the demo was trained: `<|begin|>User: `, 256 picture tokens, the question, two line feeds, `Assistant:`.
  @Test
  void theDemosPrompt() throws IOException {
    var template = ChatTemplate.recognise("demo", Files.readString(DEMO.resolve("chat_template.jinja")));
    assertThat(template.name()).isEqualTo("deepseek-vl-short");
    var tokenizer = Tokenizer.open(DEMO);
    var text = template.prompt(List.of(ChatTurn.user("How many shapes are there?", 1)));
    var ids = template.encode(tokenizer, template.expand(text, List.of(PictureTokens.whole(256)))).ids();
    assertThat(ids[0]).isZero();
    assertThat(Arrays.stream(ids).filter(id -> id == 3).count()).isEqualTo(256);
    assertThat(tokenizer.decode(Arrays.stream(ids).filter(id -> id != 3).toArray(), false))
        .isEqualTo("<|begin|>User: How many shapes are there?\n\nAssistant:");
    assertThat(template.endTokens(tokenizer)).containsExactly(1);
    assertThat(template.separatesAnswerBySpace()).isTrue();
    var again = template.encodeContinuation(tokenizer, template.continuation(false, ChatTurn.user("Sure?"))).ids();
    assertThat(tokenizer.decode(again, false)).isEqualTo("<|end|>User: Sure?\n\nAssistant:");
  }

  @Test
  void tilesAreMarked() {
    var template = ChatTemplate.named("smolvlm");
    assertThat(template.expand("a<image>b<image>c", List.of(new PictureTokens(2, 1, 2), PictureTokens.whole(3)))).isEqualTo(
        "a<fake_token_around_image><row_1_col_1><image><image>\n<fake_token_around_image><row_2_col_1><image><image>\n\n"
            + "<fake_token_around_image><global-img><image><image><fake_token_around_image>b"
            + "<fake_token_around_image><global-img><image><image><image><fake_token_around_image>c");
    var pixels = new Pixels(1, 1, new float[3]);
    var picture = PictureTokens.of(new Inputs(2, 3, Collections.nCopies(7, pixels)), 4);
    assertThat(picture).isEqualTo(new PictureTokens(2, 3, 4));
    assertThat(picture.count()).isEqualTo(28);
    assertThat(template.expand("<image>", List.of(picture)).split("<image>", -1)).hasSize(29);
    assertThatThrownBy(() -> ChatTemplate.named("llava-1.5").expand("<image>", List.of(picture)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("pictures: the chat template llava-1.5 takes whole pictures, got tiles of 2x3");
  }

  @Test
  void picturesMustBeAsManyAsPlaceholders() {
    var llava = ChatTemplate.named("llava-1.5");
    assertThatThrownBy(() -> llava.prompt(List.of(ChatTurn.user("<image> or <image>?", 3))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("pictures: expected 2 for the placeholders <image> in the text, got 3");
    assertThatThrownBy(() -> llava.prompt(List.of(ChatTurn.user("<image>?")))).hasMessageContaining("expected 1")
        .hasMessageEndingWith("0");
    assertThatThrownBy(() -> llava.expand("<image>", List.of())).hasMessageContaining("expected 1").hasMessageEndingWith("got 0");
    assertThatThrownBy(() -> llava.expand("", List.of(PictureTokens.whole(1)))).hasMessageContaining("expected 0");
    assertThatThrownBy(() -> prompt("chatml", ChatTurn.user("?", 1)))
        .hasMessage("pictures: the chat template chatml has no place for pictures, got 1");
    assertThatThrownBy(() -> new ChatTurn(ChatTurn.Role.ASSISTANT, "", 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> ChatTurn.user("", -1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> PictureTokens.whole(0)).isInstanceOf(IllegalArgumentException.class);
    // What the model said of placeholders shows no pictures.
    assertThat(prompt("llava-1.5", ChatTurn.user("a", 1), ChatTurn.assistant("an <image>"), ChatTurn.user("b")))
        .isEqualTo("USER: <image>\na ASSISTANT: an  USER: b ASSISTANT:");
  }

  @Test
  void turnsAlternate() {
    for (var turns : List.<List<ChatTurn>>of(List.of(), List.of(ChatTurn.system("a")), List.of(ChatTurn.assistant("a")),
        List.of(ChatTurn.user("a"), ChatTurn.user("b")), List.of(ChatTurn.user("a"), ChatTurn.assistant("b")),
        List.of(ChatTurn.user("a"), ChatTurn.system("b"))))
      assertThatThrownBy(() -> ChatTemplate.named("plain").prompt(turns)).isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("turns: expected one of ");
    assertThatThrownBy(() -> ChatTemplate.named("plain").continuation(false, ChatTurn.assistant("a")))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /// What follows an answer makes the prompt of all turns, in every form.
  @ParameterizedTest
  @CsvSource({"deepseek-vl", "deepseek-vl-short", "llava-1.5", "smolvlm", "llama-3", "llama-3.1", "chatml", "qwen2", "plain"})
  void conversationsContinue(String name) {
    var template = ChatTemplate.named(name);
    var answer = (template.separatesAnswerBySpace() ? " " : "") + "A cat.";
    var next = template.takesPictures() ? ChatTurn.user("And here?", 1) : ChatTurn.user("And here?");
    var first = List.of(ChatTurn.system("Be brief."), ChatTurn.user("What?"));
    var all = List.of(first.get(0), first.get(1), ChatTurn.assistant("A cat."), next);
    assertThat(template.prompt(first) + answer + template.continuation(false, next)).isEqualTo(template.prompt(all));
    var end = template.continuation(false, next).startsWith("<") ? template.continuation(false, next).replaceFirst("(?s)>.*", ">")
        : "";
    assertThat(end + template.continuation(true, next)).isEqualTo(template.continuation(false, next));
  }
}
