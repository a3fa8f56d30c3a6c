package dev.fovea.langchain4j;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.OpenOptions;
import dev.fovea.models.chat.ChatOptions;
import dev.fovea.models.chat.VisionChat;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;

/// Answers of a language model that may see pictures, in pieces as they are computed. Requests are those of [FoveaChatModel].
///
/// A call checks its request and returns; the answer is computed on a thread of its own, which calls the handler: whole characters,
/// the complete response, or the error. An exception of the handler goes to its `onError`, and the answer goes on. A cancelled
/// answer ends before the next token, and calls the handler no more.
///
/// It is thread-safe and may be closed at any time; running answers end normally, and closing waits for them.
public final class FoveaStreamingChatModel implements StreamingChatModel, AutoCloseable {
  /// A daemon thread for each answer: it computes all the time, and would keep a virtual thread's carrier from others.
  static final Executor THREADS = answer -> Thread.ofPlatform().name("fovea-answer").daemon().start(answer);

  private static final System.Logger LOG = System.getLogger(FoveaStreamingChatModel.class.getName());

  private final ChatRequests requests;
  private final ChatRequestParameters defaults;
  private final List<ChatModelListener> listeners;
  private final Executor executor;

  FoveaStreamingChatModel(ChatRequests requests, ChatRequestParameters defaults, List<ChatModelListener> listeners,
      Executor executor) {
    this.requests = requests;
    this.defaults = defaults;
    this.listeners = listeners;
    this.executor = executor;
  }

  /// What a model is made of.
  public static Builder builder() {
    return new Builder();
  }

  /// Begins to answer the last message.
  ///
  /// @throws UnsupportedFeatureException if the request asks for what is not supported
  /// @throws IllegalArgumentException if a parameter is out of its range, or a text is a picture in base64
  @Override
  public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
    Objects.requireNonNull(request, "request");
    Objects.requireNonNull(handler, "handler");
    var asked = requests.asked(request);
    executor.execute(() -> answer(asked, handler));
  }

  private void answer(ChatRequests.Asked asked, StreamingChatResponseHandler handler) {
    var handle = new Handle();
    try {
      var answer = requests.chat().answer(asked.turns(), asked.pictures(), asked.options(), piece -> {
        handle.check();
        toHandler(handler, () -> handler.onPartialResponse(new PartialResponse(piece), new PartialResponseContext(handle)));
        handle.check();
      }, Progress.NONE);
      if (!handle.isCancelled()) toHandler(handler, () -> handler.onCompleteResponse(requests.response(answer)));
    } catch (Cancelled _) {
      // Who cancels wants no further call.
    } catch (RuntimeException | Error e) {
      if (!handle.isCancelled()) tell(handler, e);
    }
  }

  private static void toHandler(StreamingChatResponseHandler handler, Runnable call) {
    try {
      call.run();
    } catch (RuntimeException e) {
      tell(handler, e);
    }
  }

  private static void tell(StreamingChatResponseHandler handler, Throwable error) {
    try {
      handler.onError(error);
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.WARNING, "the handler's onError failed", e);
    }
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
    return "FoveaStreamingChatModel: " + requests.chat();
  }

  /// Closes the model, also one that was given open: new calls are refused, running ones end normally. Closing twice is harmless.
  @Override
  public void close() {
    requests.chat().close();
  }

  private static final class Handle implements StreamingHandle {
    private volatile boolean isCancelled;

    @Override
    public void cancel() {
      isCancelled = true;
    }

    @Override
    public boolean isCancelled() {
      return isCancelled;
    }

    void check() {
      if (isCancelled) throw new Cancelled();
    }
  }

  /// Ends an answer from within.
  private static final class Cancelled extends RuntimeException {
    private static final long serialVersionUID = 1;

    Cancelled() {
      super("cancelled", null, false, false);
    }
  }

  /// What a model is made of: a file, or an open chat, and what holds for requests that do not say it.
  public static final class Builder {
    private final FoveaChatModel.Builder all = FoveaChatModel.builder();
    private Executor executor = THREADS;

    private Builder() {}

    /// The model file.
    public Builder file(Path file) {
      all.file(file);
      return this;
    }

    /// An open chat, in place of a file; the model closes it.
    public Builder chat(VisionChat chat) {
      all.chat(chat);
      return this;
    }

    /// How to open the file: workers, residency, warm-up. By default [OpenOptions#DEFAULT].
    public Builder options(OpenOptions options) {
      all.options(options);
      return this;
    }

    /// What LangChain4j has no parameters for: the seed, the conversation's form and others. Its capacity does not count.
    public Builder chatOptions(ChatOptions chatOptions) {
      all.chatOptions(chatOptions);
      return this;
    }

    /// The name that answers tell; by default that of the file.
    public Builder modelName(String modelName) {
      all.modelName(modelName);
      return this;
    }

    /// Parameters of requests that do not have them.
    public Builder defaultRequestParameters(ChatRequestParameters parameters) {
      all.defaultRequestParameters(parameters);
      return this;
    }

    /// Whom to tell of requests, responses and errors.
    public Builder listeners(List<ChatModelListener> listeners) {
      all.listeners(listeners);
      return this;
    }

    /// Who runs the answers, for example a pool that bounds how many run at once; by default each has a daemon thread of its own.
    public Builder executor(Executor executor) {
      this.executor = Objects.requireNonNull(executor, "executor");
      return this;
    }

    /// Opens the model.
    ///
    /// @throws CheckpointException if there is no such file, its model does not continue texts, or it has no tokenizer or does not
    ///     fit in memory
    /// @throws IllegalArgumentException if there is not exactly one of a file and an open chat
    /// @throws CancelledException if the thread is interrupted
    public FoveaStreamingChatModel build() {
      var model = all.build().streaming();
      return new FoveaStreamingChatModel(model.requests, model.defaults, model.listeners, executor);
    }
  }
}
