package dev.fovea.langchain4j;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.OpenModel;
import dev.fovea.models.OpenOptions;
import dev.fovea.models.chat.ChatOptions;
import dev.fovea.models.chat.VisionChat;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.DefaultChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// Answers of a language model that may see pictures, from a model file.
///
/// | of a request | |
/// |---|---|
/// | messages | a system message first, then the user's and the model's in turn, the user's last |
/// | a user's message | texts and pictures: base64, `file:` and `data:` URLs; nothing is downloaded |
/// | order in it | pictures before the text, as models are taught; where one stands between texts, all keep their places |
/// | `temperature`, `topK`, `topP` | the most probable token without; 1, if a limit is given and no temperature |
/// | `maxOutputTokens`, `stopSequences` | by default 512, none |
/// | `modelName` | this one's |
/// | tools, JSON response formats, penalties, other kinds of content | refused with an [UnsupportedFeatureException] |
///
/// A request holds its whole conversation, and each is read anew, with its pictures. The answer tells its tokens and why it ended.
/// The same request gets the same answer; other draws need another seed in [Builder#chatOptions(ChatOptions)].
///
/// ```java
/// try (var model = FoveaChatModel.builder().file(Path.of("smolvlm.safetensors")).build()) {
///   var question = UserMessage.from(ImageContent.from(Path.of("picture.jpg"), "image/jpeg"), TextContent.from("What is this?"));
///   System.out.println(model.chat(question).aiMessage().text());
/// }
/// ```
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says; each running answer takes memory for its conversation.
public final class FoveaChatModel implements ChatModel, AutoCloseable {
  private final ChatRequests requests;
  private final ChatRequestParameters defaults;
  private final List<ChatModelListener> listeners;

  private FoveaChatModel(ChatRequests requests, ChatRequestParameters defaults, List<ChatModelListener> listeners) {
    this.requests = requests;
    this.defaults = defaults;
    this.listeners = listeners;
  }

  /// What a model is made of.
  public static Builder builder() {
    return new Builder();
  }

  /// Answers the last message.
  ///
  /// @throws UnsupportedFeatureException if the request asks for what is not supported
  /// @throws IllegalArgumentException if messages are in another order, a parameter is out of its range, or a text is a picture in
  ///     base64
  /// @throws InputException if the conversation and an answer are longer than the model's context
  /// @throws ImageException if a picture is none, or unsuitable
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the model is closed
  @Override
  public ChatResponse doChat(ChatRequest request) {
    Objects.requireNonNull(request, "request");
    var asked = requests.asked(request);
    return requests.response(requests.chat().answer(asked.turns(), asked.pictures(), asked.options(), _ -> {}, Progress.NONE));
  }

  /// The same model for answers in pieces; closing one of the two closes the other.
  public FoveaStreamingChatModel streaming() {
    return new FoveaStreamingChatModel(requests, defaults, listeners, FoveaStreamingChatModel.THREADS);
  }

  @Override
  public ChatRequestParameters defaultRequestParameters() {
    return defaults;
  }

  @Override
  public List<ChatModelListener> listeners() {
    return listeners;
  }

  /// Family, parameters, file, kernels and threads.
  @Override
  public String toString() {
    return "FoveaChatModel: " + requests.chat();
  }

  /// Closes the model, also one that was given open: new calls are refused, running ones end normally. Closing twice is harmless.
  @Override
  public void close() {
    requests.chat().close();
  }

  /// What a model is made of: a file, or an open chat, and what holds for requests that do not say it.
  public static final class Builder {
    private @Nullable Path file;
    private @Nullable VisionChat chat;
    private OpenOptions options = OpenOptions.DEFAULT;
    private ChatOptions chatOptions = ChatOptions.DEFAULT;
    private @Nullable String modelName;
    private ChatRequestParameters defaults = DefaultChatRequestParameters.EMPTY;
    private List<ChatModelListener> listeners = List.of();

    Builder() {}

    /// The model file.
    public Builder file(Path file) {
      this.file = Objects.requireNonNull(file, "file");
      return this;
    }

    /// An open chat, in place of a file; the model closes it.
    public Builder chat(VisionChat chat) {
      this.chat = Objects.requireNonNull(chat, "chat");
      return this;
    }

    /// How to open the file: workers, residency, warm-up. By default [OpenOptions#DEFAULT].
    public Builder options(OpenOptions options) {
      this.options = Objects.requireNonNull(options, "options");
      return this;
    }

    /// What LangChain4j has no parameters for: the seed, the conversation's form and others. Its capacity does not count.
    public Builder chatOptions(ChatOptions chatOptions) {
      this.chatOptions = Objects.requireNonNull(chatOptions, "chatOptions");
      return this;
    }

    /// The name that answers tell; by default that of the file.
    public Builder modelName(String modelName) {
      this.modelName = Objects.requireNonNull(modelName, "modelName");
      return this;
    }

    /// Parameters of requests that do not have them.
    public Builder defaultRequestParameters(ChatRequestParameters parameters) {
      defaults = Objects.requireNonNull(parameters, "parameters");
      return this;
    }

    /// Whom to tell of requests, responses and errors.
    public Builder listeners(List<ChatModelListener> listeners) {
      this.listeners = List.copyOf(Objects.requireNonNull(listeners, "listeners"));
      return this;
    }

    /// Opens the model.
    ///
    /// @throws CheckpointException if there is no such file, its model does not continue texts, or it has no tokenizer or does not
    ///     fit in memory
    /// @throws IllegalArgumentException if there is not exactly one of a file and an open chat
    /// @throws CancelledException if the thread is interrupted
    public FoveaChatModel build() {
      Names.requireOne("file, chat", file, chat);
      var name = modelName != null ? modelName : file != null ? Names.of(file) : "fovea";
      var opened = chat != null ? chat : VisionChat.open(file, options);
      return new FoveaChatModel(new ChatRequests(opened, chatOptions, name), defaults, listeners);
    }
  }
}
