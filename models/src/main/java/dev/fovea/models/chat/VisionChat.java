package dev.fovea.models.chat;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.ContinuesText;
import dev.fovea.models.MemoryUse;
import dev.fovea.models.OpenModel;
import dev.fovea.models.OpenOptions;
import dev.fovea.models.ReadsPictures;
import dev.fovea.models.argument.Arguments;
import dev.fovea.models.llama.Llama;
import dev.fovea.models.vlm.PictureReader;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jetbrains.annotations.Nullable;

/// A language model that answers questions, about pictures if it sees, from a model file.
///
/// ```java
/// try (var chat = VisionChat.open(Path.of("model.safetensors")); var conversation = chat.conversation()) {
///   conversation.ask(Path.of("picture.jpg"), "How many shapes are there?", System.out::print);
///   conversation.ask("What colour is the largest?", System.out::print);
/// }
/// ```
///
/// Models of texts alone answer questions without pictures. Arguments are checked before any work. A null argument is refused with
/// a [NullPointerException] that names the parameter.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says; any number of conversations may use it at once, one thread
/// each.
public final class VisionChat implements AutoCloseable {
  private final OpenModel opened;
  private final ContinuesText model;
  private final Tokenizer tokenizer;
  private final @Nullable PictureReader reader;
  private final @Nullable String jinja;

  private VisionChat(OpenModel opened) {
    this.opened = opened;
    try {
      model = opened.model(ContinuesText.class, "a model that continues texts");
      tokenizer = opened.tokenizer();
      reader = model instanceof ReadsPictures ? PictureReader.of(opened) : null;
      jinja = opened.call(() -> ModelHeader.chatTemplate(opened.checkpoint()));
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, its model does not continue texts, or it has no tokenizer
  /// @see #open(Path, OpenOptions)
  public static VisionChat open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, its model does not continue texts, or it has no tokenizer or does not
  ///     fit in memory
  /// @throws CancelledException if the thread is interrupted
  public static VisionChat open(Path file, OpenOptions options) {
    return new VisionChat(OpenModel.open(file, options));
  }

  /// Creates a chat from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open and
  /// which must not be closed before it; as [OpenModel#of].
  ///
  /// @throws CheckpointException if the model does not continue texts, or has no tokenizer
  public static VisionChat of(Checkpoint checkpoint, Kernels kernels) {
    return new VisionChat(OpenModel.of(checkpoint, kernels));
  }

  /// Begins a conversation with [ChatOptions#DEFAULT].
  ///
  /// @see #conversation(ChatOptions)
  public Conversation conversation() {
    return conversation(ChatOptions.DEFAULT);
  }

  /// Begins a conversation. The caller closes it; closing this closes those that are open.
  ///
  /// @throws CheckpointException if the options name no template, and the model's file has none or an unknown one
  /// @throws OutOfMemoryError if there is no memory for so many tokens
  /// @throws IllegalStateException if this is closed
  public Conversation conversation(ChatOptions options) {
    Objects.requireNonNull(options, "options");
    return new Conversation(this, template(options), options);
  }

  /// Asks one question, in a conversation of its own that has just the memory it needs.
  ///
  /// @param options whose capacity does not count
  /// @see Conversation#ask(List, String, Consumer, Progress)
  public Answer ask(List<Picture> pictures, String question, ChatOptions options, Consumer<String> listener, Progress progress) {
    Arguments.elements(pictures, "pictures");
    Objects.requireNonNull(question, "question");
    Objects.requireNonNull(options, "options");
    Objects.requireNonNull(listener, "listener");
    Objects.requireNonNull(progress, "progress");
    try (var conversation = conversation(options.withCapacity(0))) {
      return conversation.ask(pictures, question, listener, progress);
    }
  }

  /// Asks one question, with [ChatOptions#DEFAULT].
  ///
  /// @throws InputException if the question with the pictures and an answer are longer than the model's context
  /// @throws IllegalArgumentException if the pictures are not as many as the placeholders in the question, if it has some
  /// @throws ImageException if a picture is too long or otherwise unsuitable
  /// @throws CheckpointException if pictures are given and the model reads none, or the model's file has no known template
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if this is closed
  public Answer ask(List<Picture> pictures, String question) {
    return ask(pictures, question, ChatOptions.DEFAULT, _ -> {}, Progress.NONE);
  }

  /// Answers the last turn of a conversation that the caller keeps, in a conversation of its own that has just the memory it needs:
  /// all turns are read, and their pictures seen, in each call. With the same options and seed, the answer is the one that
  /// [Conversation] gives after the same turns.
  ///
  /// @param turns of the user and the assistant in turn, the last one the user's; a turn of the system may come first, if the
  ///   options have no rules
  /// @param pictures that the turns show, in their order
  /// @param options whose capacity does not count
  /// @throws IllegalArgumentException if turns are in another order, or the pictures are not as many as the turns show
  /// @see Conversation#ask(List, String, Consumer, Progress)
  public Answer answer(List<ChatTurn> turns, List<Picture> pictures, ChatOptions options, Consumer<String> listener,
      Progress progress) {
    var given = Arguments.elements(turns, "turns");
    var shown = Arguments.elements(pictures, "pictures");
    Objects.requireNonNull(options, "options");
    Objects.requireNonNull(listener, "listener");
    Objects.requireNonNull(progress, "progress");
    int expected = given.stream().mapToInt(ChatTurn::pictures).sum();
    if (shown.size() != expected)
      throw new IllegalArgumentException("pictures: expected " + expected + " that the turns show, got " + shown.size());
    try (var conversation = conversation(options.withCapacity(0))) {
      return conversation.ask(given, shown, listener, progress);
    }
  }

  private ChatTemplate template(ChatOptions options) {
    var template = options.template();
    if (template == null && jinja == null)
      throw new CheckpointException(opened.name() + ": has no chat template: name one of "
          + String.join(", ", ChatTemplate.names()));
    if (template == null) template = ChatTemplate.recognise(opened.name(), jinja);
    var token = reader == null ? null : tokenizer.token(reader.placeholder());
    return token == null || token.isEmpty() ? template : template.withPlaceholder(token);
  }

  /// Whether questions may show pictures.
  public boolean seesPictures() {
    return reader != null;
  }

  /// The model, which [#close()] closes.
  public OpenModel model() {
    return opened;
  }

  /// The decoder, whose weights [#close()] frees.
  public Llama language() {
    return model.language();
  }

  /// The tokenizer of questions and answers.
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /// The reader of pictures.
  ///
  /// @throws CheckpointException if the model reads none
  public PictureReader reader() {
    return reader != null ? reader : PictureReader.of(opened);
  }

  /// The number of parameters of the model.
  public long parameters() {
    return opened.parameters();
  }

  /// The memory held now, as [OpenModel#memory()]; that of conversations is its sessions'.
  public MemoryUse memory() {
    return opened.memory();
  }

  /// Frees what the next calls can do without, as [OpenModel#trim()]. Conversations go on.
  public void trim() {
    opened.trim();
  }

  /// Family, parameters, file, kernels and threads.
  @Override
  public String toString() {
    return "VisionChat: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says, and conversations are closed.
  /// Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
