package dev.fovea.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.chat.ChatOptions;
import dev.fovea.models.chat.Sampling;
import dev.fovea.models.chat.VisionChat;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.AudioContent;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.memory.chat.MessageWindowChatMemory;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.listener.ChatModelResponseContext;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.TokenStream;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Conversations about drawn scenes through LangChain4j's interfaces, beside the reference's answers and Fovea's own.
class FoveaChatModelTest {
  private static final String DESCRIBE = "Describe the picture.", HOW_MANY = "How many shapes are there?";
  private static final String DESCRIPTION = "a picture of a yellow circle, a purple star, a orange triangle, a orange square.";
  private static VisionChat chat;
  private static FoveaChatModel model;

  @BeforeAll
  static void open() {
    chat = VisionChat.open(Demo.VLM);
    model = FoveaChatModel.builder().chat(chat).modelName("vlm").build();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static ImageContent picture(int scene) {
    return ImageContent.from(Demo.scene(scene), "image/png");
  }

  private static UserMessage ask(String question, int... scenes) {
    var contents = new ArrayList<dev.langchain4j.data.message.Content>(List.of(TextContent.from(question)));
    for (int scene : scenes) contents.add(picture(scene));
    return UserMessage.from(contents);
  }

  /// What the reference implementation answers, to the letter.
  @Test
  void answersAreTheReferences() throws IOException {
    var scene = JsonParser.parseString(Files.readString(Demo.SCENES.resolve("questions.json"))).getAsJsonObject()
        .getAsJsonArray("scenes").get(0).getAsJsonObject();
    for (var each : scene.getAsJsonArray("questions").asList().subList(0, 6)) {
      var question = each.getAsJsonObject();
      var response = model.chat(ask(question.get("question").getAsString(), 0));
      assertThat(response.aiMessage().text()).isEqualTo(question.get("reference_answer").getAsString());
      var usage = response.tokenUsage();
      assertThat(usage.outputTokenCount()).isEqualTo(question.getAsJsonArray("reference_ids").size());
      assertThat(usage.inputTokenCount()).isGreaterThan(256);
      assertThat(usage.totalTokenCount()).isEqualTo(usage.inputTokenCount() + usage.outputTokenCount());
      assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
      assertThat(response.modelName()).isEqualTo("vlm");
    }
  }

  /// Base64, files and data URLs, wherever they stand in the message.
  @Test
  void formsOfPictures() throws IOException {
    var base64 = Base64.getEncoder().encodeToString(Files.readAllBytes(Demo.scene(1)));
    for (var content : List.of(picture(1), ImageContent.from(Demo.scene(1).toUri()),
        ImageContent.from("data:image/png;base64," + base64))) {
      assertThat(model.chat(UserMessage.from(TextContent.from(HOW_MANY), content)).aiMessage().text()).isEqualTo("three.");
      assertThat(model.chat(UserMessage.from(content, TextContent.from(HOW_MANY))).aiMessage().text()).isEqualTo("three.");
    }
  }

  /// A memory's messages are a conversation: the answers, and all tokens that were read, are those of Fovea's own.
  @Test
  void turns() {
    var memory = MessageWindowChatMemory.withMaxMessages(10);
    try (var conversation = chat.conversation(ChatOptions.DEFAULT.withSystem("You see drawn shapes."))) {
      memory.add(SystemMessage.from("You see drawn shapes."));
      for (var question : List.of(ask(DESCRIBE, 0), ask(HOW_MANY), ask(DESCRIBE, 1))) {
        memory.add(question);
        var response = model.chat(memory.messages());
        memory.add(response.aiMessage());
        var pictures = question.contents().stream().filter(ImageContent.class::isInstance)
            .map(content -> Images.picture(((ImageContent) content).image(), "picture")).toList();
        var expected = conversation.ask(pictures, ((TextContent) question.contents().getFirst()).text());
        assertThat(response.aiMessage().text()).isEqualTo(expected.text());
        assertThat(response.tokenUsage().inputTokenCount()).isEqualTo(expected.promptTokens());
      }
    }
  }

  /// Where a picture stands between texts, it is read there.
  @Test
  void picturesBetweenTexts() {
    var between = model.chat(UserMessage.from(TextContent.from("First."), picture(0), TextContent.from("Then."), picture(1),
        TextContent.from(HOW_MANY)));
    var placeholder = chat.conversation().template().placeholder();
    var pictures = List.of(Picture.read(Demo.scene(0)), Picture.read(Demo.scene(1)));
    var expected = chat.ask(pictures, "First.\n" + placeholder + "\nThen.\n" + placeholder + "\n" + HOW_MANY);
    assertThat(between.aiMessage().text()).isEqualTo(expected.text());
    assertThat(between.tokenUsage().inputTokenCount()).isEqualTo(expected.promptTokens());
  }

  @Test
  void parameters() {
    var limited = model.chat(request(ask(DESCRIBE, 0)).maxOutputTokens(3).build());
    assertThat(limited.finishReason()).isEqualTo(FinishReason.LENGTH);
    assertThat(limited.tokenUsage().outputTokenCount()).isEqualTo(3);
    var stopped = model.chat(request(ask(DESCRIBE, 0)).stopSequences(List.of(", a purple")).build());
    assertThat(stopped.aiMessage().text()).isEqualTo("a picture of a yellow circle");
    assertThat(stopped.finishReason()).isEqualTo(FinishReason.STOP);
    // Draws, as Fovea's own.
    var sampling = Sampling.temperature(8).withTopK(5).withTopP(0.9f);
    var expected = chat.ask(List.of(Picture.read(Demo.scene(0))), DESCRIBE, ChatOptions.DEFAULT.withSampling(sampling).withMaxTokens(20),
        _ -> {}, Progress.NONE).text();
    var drawn = model.chat(request(ask(DESCRIBE, 0)).temperature(8.0).topK(5).topP((double) 0.9f).maxOutputTokens(20).build());
    assertThat(drawn.aiMessage().text()).isEqualTo(expected).isNotEqualTo(DESCRIPTION);
    try (var other = VisionChat.open(Demo.VLM); var defaults = FoveaChatModel.builder().chat(other)
        .chatOptions(ChatOptions.DEFAULT.withSampling(Sampling.GREEDY.withSeed(5)))
        .defaultRequestParameters(ChatRequestParameters.builder().maxOutputTokens(2).topK(1).build()).build()) {
      assertThat(defaults.chat(ask(DESCRIBE, 0)).tokenUsage().outputTokenCount()).isEqualTo(2);
      assertThat(defaults.chat(request(ask(DESCRIBE, 0)).maxOutputTokens(40).build()).aiMessage().text()).isEqualTo(DESCRIPTION);
    }
    assertThatThrownBy(() -> model.chat(request(ask(HOW_MANY)).temperature(-1.0).build())).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("temperature: expected 0 or more, got -1.0");
  }

  private static ChatRequest.Builder request(ChatMessage... messages) {
    return ChatRequest.builder().messages(messages);
  }

  @Test
  void whatIsNotSupported() {
    var question = ask(HOW_MANY, 0);
    requireRefusal(request(question).toolSpecifications(ToolSpecification.builder().name("clock").build()),
        "tools: not supported, vlm answers in plain text");
    requireRefusal(request(question).toolChoice(ToolChoice.REQUIRED), "tool choice REQUIRED: not supported, vlm answers in plain text");
    requireRefusal(request(question).responseFormat(ResponseFormat.JSON),
        "response format JSON: not supported, vlm answers in plain text");
    requireRefusal(request(question).frequencyPenalty(0.5), "frequencyPenalty: not supported, vlm answers in plain text");
    requireRefusal(request(question).presencePenalty(0.5), "presencePenalty: not supported, vlm answers in plain text");
    requireRefusal(request(question).modelName("gpt"), "modelName: expected vlm, got gpt");
    requireRefusal(request(UserMessage.from(AudioContent.from("https://example.org/a.wav"))),
        "turn 1: vlm reads texts and pictures alone, got AUDIO");
    requireRefusal(request(UserMessage.from(ImageContent.from("https://example.org/a.png"))),
        "picture 1: expected base64, or a file: or data: URL, because nothing is downloaded, got https://example.org/a.png");
    requireRefusal(request(question, ToolExecutionResultMessage.from("1", "clock", "noon")),
        "turn 2: expected texts and pictures of the user and texts of the model, got TOOL_EXECUTION_RESULT");
    requireRefusal(request(question, SystemMessage.from("Be brief.")),
        "turn 2: a system message stands first");
    assertThat(model.chat(request(question).modelName("vlm").toolChoice(ToolChoice.AUTO).responseFormat(ResponseFormat.TEXT)
        .frequencyPenalty(0.0).build()).aiMessage().text()).isEqualTo("four.");
    assertThatThrownBy(() -> model.chat(ask(HOW_MANY), ask(HOW_MANY))).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("turns: expected one of assistant, got user");
    assertThatThrownBy(() -> model.chat(ask(HOW_MANY), AiMessage.from("four."))).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("turns: expected one of user, got the end");
    assertThatThrownBy(() -> model.chat("data:image/png;base64,iVBORw0KGgo")).isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("turn 1: expected words, got a picture in base64");
  }

  private static void requireRefusal(ChatRequest.Builder request, String why) {
    assertThatThrownBy(() -> model.chat(request.build())).isInstanceOf(UnsupportedFeatureException.class).hasMessage(why);
    assertThatThrownBy(() -> model.streaming().chat(request.build(), new Handler())).isInstanceOf(UnsupportedFeatureException.class)
        .hasMessage(why);
  }

  /// What a handler was told.
  private static class Handler implements StreamingChatResponseHandler {
    final List<String> pieces = new ArrayList<>();
    final List<Throwable> errors = new ArrayList<>();
    final CompletableFuture<ChatResponse> complete = new CompletableFuture<>();

    @Override
    public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
      pieces.add(piece.text());
    }

    @Override
    public void onCompleteResponse(ChatResponse response) {
      complete.complete(response);
    }

    @Override
    public void onError(Throwable error) {
      errors.add(error);
      complete.completeExceptionally(error);
    }
  }

  @Test
  void anAnswerInPieces() throws Exception {
    var handler = new Handler();
    model.streaming().chat(request(ask(DESCRIBE, 0)).build(), handler);
    var response = handler.complete.get(60, TimeUnit.SECONDS);
    assertThat(response.aiMessage().text()).isEqualTo(DESCRIPTION).isEqualTo(String.join("", handler.pieces));
    assertThat(handler.pieces).hasSizeGreaterThan(10).doesNotContain("");
    assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
    assertThat(response.tokenUsage().outputTokenCount()).isGreaterThan(10);
    assertThat(handler.errors).isEmpty();
  }

  /// After that the handler is called no more, and the memory of the answer is free.
  @Test
  void aCancelledAnswer() throws Exception {
    var handler = new Handler() {
      @Override
      public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
        super.onPartialResponse(piece, context);
        if (pieces.size() == 3) context.streamingHandle().cancel();
        assertThat(context.streamingHandle().isCancelled()).isEqualTo(pieces.size() == 3);
      }
    };
    try (var pool = Executors.newSingleThreadExecutor()) {
      try (var other = VisionChat.open(Demo.VLM)) {
        var streaming = FoveaStreamingChatModel.builder().chat(other).executor(pool).build();
        streaming.chat(request(ask(DESCRIBE, 0)).build(), handler);
        pool.submit(() -> {}).get();
        assertThat(handler.pieces).hasSize(3);
        assertThat(handler.complete).isNotDone();
        assertThat(other.memory().sessions()).isZero();
      }
    }
  }

  /// An exception of the handler goes to its `onError`, and the answer goes on; errors of the model end it.
  @Test
  void errorsInPieces() throws Exception {
    var mine = new IllegalStateException("mine");
    var handler = new Handler() {
      @Override
      public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
        super.onPartialResponse(piece, context);
        throw mine;
      }

      @Override
      public void onError(Throwable error) {
        errors.add(error);
        throw new IllegalStateException("ignored");
      }
    };
    model.streaming().chat(request(ask(HOW_MANY, 0)).build(), handler);
    assertThat(handler.complete.get(60, TimeUnit.SECONDS).aiMessage().text()).isEqualTo("four.");
    assertThat(handler.errors).hasSameSizeAs(handler.pieces).containsOnly(mine);
    var closed = FoveaStreamingChatModel.builder().file(Demo.VLM).build();
    closed.close();
    var refused = new Handler();
    closed.chat(request(ask(HOW_MANY, 0)).build(), refused);
    assertThatThrownBy(() -> refused.complete.get(60, TimeUnit.SECONDS)).hasRootCauseMessage(Demo.VLM + ": the model is closed");
  }

  interface Guide {
    String ask(@dev.langchain4j.service.UserMessage String question, @dev.langchain4j.service.UserMessage ImageContent picture);
  }

  interface Narrator {
    TokenStream tell(@dev.langchain4j.service.UserMessage String question, @dev.langchain4j.service.UserMessage ImageContent picture);
  }

  /// LangChain4j's services work with these models: with a memory, and in pieces.
  @Test
  void services() throws Exception {
    var guide = AiServices.builder(Guide.class).chatModel(model).chatMemory(MessageWindowChatMemory.withMaxMessages(10)).build();
    assertThat(guide.ask(HOW_MANY, picture(0))).isEqualTo("four.");
    try (var conversation = chat.conversation()) {
      conversation.ask(Demo.scene(0), HOW_MANY);
      assertThat(guide.ask(DESCRIBE, picture(1))).isEqualTo(conversation.ask(Demo.scene(1), DESCRIBE).text());
    }
    var narrator = AiServices.builder(Narrator.class).streamingChatModel(model.streaming()).build();
    var pieces = new StringBuilder();
    var complete = new CompletableFuture<ChatResponse>();
    narrator.tell(DESCRIBE, picture(0)).onPartialResponse(pieces::append).onCompleteResponse(complete::complete)
        .onError(complete::completeExceptionally).start();
    assertThat(complete.get(60, TimeUnit.SECONDS).aiMessage().text()).isEqualTo(DESCRIPTION).isEqualTo(pieces.toString());
  }

  @Test
  void listenersAndNames() {
    var told = new ArrayList<String>();
    var listener = new ChatModelListener() {
      @Override
      public void onResponse(ChatModelResponseContext context) {
        told.add(context.chatResponse().aiMessage().text());
      }
    };
    try (var listened = FoveaChatModel.builder().file(Demo.VLM).listeners(List.of(listener)).build()) {
      assertThat(listened.chat(ask(HOW_MANY, 0)).modelName()).isEqualTo("vlm");
      assertThat(told).containsExactly("four.");
      assertThat(listened.toString()).startsWith("FoveaChatModel: VisionChat: ");
    }
    assertThatThrownBy(() -> FoveaChatModel.builder().build()).hasMessage("expected one of file, chat, got none");
    assertThatThrownBy(() -> FoveaChatModel.builder().listeners(Arrays.asList((ChatModelListener) null)))
        .isInstanceOf(NullPointerException.class);
  }
}
