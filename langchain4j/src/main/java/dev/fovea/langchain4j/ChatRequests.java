package dev.fovea.langchain4j;

import dev.fovea.engine.image.Picture;
import dev.fovea.models.chat.Answer;
import dev.fovea.models.chat.ChatOptions;
import dev.fovea.models.chat.ChatTurn;
import dev.fovea.models.chat.Sampling;
import dev.fovea.models.chat.VisionChat;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// LangChain4j's requests in Fovea's words, and Fovea's answers in LangChain4j's.
///
/// @param options what a request does not say
record ChatRequests(VisionChat chat, ChatOptions options, String modelName) {
  /// What a request asks.
  ///
  /// @param turns without the system's
  /// @param pictures that the turns show, in their order
  record Asked(List<ChatTurn> turns, List<Picture> pictures, ChatOptions options) {}

  /// @throws UnsupportedFeatureException if the request asks for what no model here can
  Asked asked(ChatRequest request) {
    var asked = options(request.parameters());
    var messages = request.messages();
    if (messages.getFirst() instanceof SystemMessage system) {
      asked = asked.withSystem(Images.requireWords(system.text(), "system message"));
      messages = messages.subList(1, messages.size());
    }
    var turns = new ArrayList<ChatTurn>();
    var pictures = new ArrayList<Picture>();
    for (var message : messages) turns.add(turn(message, turns.size(), pictures));
    return new Asked(turns, pictures, asked);
  }

  private ChatOptions options(ChatRequestParameters asked) {
    if (asked.modelName() != null && !asked.modelName().equals(modelName))
      throw new UnsupportedFeatureException("modelName: expected " + modelName + ", got " + asked.modelName());
    refuse("tools", asked.toolSpecifications() != null && !asked.toolSpecifications().isEmpty());
    refuse("tool choice " + asked.toolChoice(), asked.toolChoice() == ToolChoice.REQUIRED);
    refuse("response format JSON", asked.responseFormat() != null && asked.responseFormat().type() == ResponseFormatType.JSON);
    refuse("frequencyPenalty", isSet(asked.frequencyPenalty()));
    refuse("presencePenalty", isSet(asked.presencePenalty()));
    var all = options.withSampling(sampling(asked));
    if (asked.maxOutputTokens() != null) all = all.withMaxTokens(asked.maxOutputTokens());
    if (asked.stopSequences() != null && !asked.stopSequences().isEmpty()) all = all.withStopStrings(asked.stopSequences());
    return all;
  }

  private static boolean isSet(@Nullable Double penalty) {
    return penalty != null && penalty != 0;
  }

  private void refuse(String what, boolean isAsked) {
    if (isAsked) throw new UnsupportedFeatureException(what + ": not supported, " + modelName + " answers in plain text");
  }

  /// Limits without a temperature are meant for a draw.
  private Sampling sampling(ChatRequestParameters asked) {
    var sampling = options.sampling();
    boolean isLimited = asked.topK() != null || asked.topP() != null;
    if (asked.temperature() != null) sampling = sampling.withTemperature(asked.temperature().floatValue());
    else if (isLimited && sampling.isGreedy()) sampling = sampling.withTemperature(1);
    if (asked.topK() != null) sampling = sampling.withTopK(asked.topK());
    if (asked.topP() != null) sampling = sampling.withTopP(asked.topP().floatValue());
    return sampling;
  }

  private ChatTurn turn(ChatMessage message, int index, List<Picture> pictures) {
    var where = "turn " + (index + 1);
    return switch (message) {
      case UserMessage user -> user(user, where, pictures);
      case AiMessage answer when answer.text() != null && !answer.hasToolExecutionRequests() -> ChatTurn.assistant(answer.text());
      case SystemMessage _ -> throw new UnsupportedFeatureException(where + ": a system message stands first");
      default -> throw new UnsupportedFeatureException(where
          + ": expected texts and pictures of the user and texts of the model, got " + message.type());
    };
  }

  /// Pictures stand before the text, as models were taught; where one stands between two texts, all keep their places.
  private ChatTurn user(UserMessage message, String where, List<Picture> pictures) {
    var placeholder = keepsPlaces(message.contents()) ? placeholder() : null;
    var parts = new ArrayList<String>();
    int before = pictures.size();
    for (var content : message.contents())
      switch (content) {
        case TextContent text -> parts.add(Images.requireWords(text.text(), where));
        case ImageContent image when chat.seesPictures() -> {
          pictures.add(Images.picture(image.image(), "picture " + (pictures.size() + 1)));
          if (placeholder != null) parts.add(placeholder);
        }
        default -> throw new UnsupportedFeatureException(where + ": " + modelName + " reads "
            + (chat.seesPictures() ? "texts and pictures" : "texts") + " alone, got " + content.type());
      }
    return ChatTurn.user(String.join("\n", parts), pictures.size() - before);
  }

  private static boolean keepsPlaces(List<Content> contents) {
    int first = 0, last = contents.size() - 1;
    while (first <= last && contents.get(first) instanceof ImageContent) first++;
    while (first < last && contents.get(last) instanceof ImageContent) last--;
    return contents.subList(first, last + 1).stream().anyMatch(ImageContent.class::isInstance);
  }

  private String placeholder() {
    try (var conversation = chat.conversation(options.withCapacity(0))) {
      return conversation.template().placeholder();
    }
  }

  ChatResponse response(Answer answer) {
    return ChatResponse.builder().aiMessage(AiMessage.from(answer.text())).modelName(modelName)
        .tokenUsage(new TokenUsage(answer.promptTokens(), answer.ids().size()))
        .finishReason(reason(answer)).build();
  }

  private static FinishReason reason(Answer answer) {
    return switch (answer.end()) {
      case END_TOKEN, STOP_STRING -> FinishReason.STOP;
      case TOKEN_LIMIT, CONTEXT_FULL -> FinishReason.LENGTH;
      case CANCELLED -> FinishReason.OTHER;
    };
  }
}
