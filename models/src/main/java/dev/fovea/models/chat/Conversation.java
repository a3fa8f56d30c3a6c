package dev.fovea.models.chat;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing.Size;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.argument.Arguments;
import dev.fovea.models.argument.PictureInput;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.vlm.SeenPicture;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// Questions and answers about pictures, each of which knows those before.
///
/// What the decoder has read is kept: a question costs its own tokens, those of the pictures that it shows, and the answer's. A
/// listener gets the answer's text in pieces, on the calling thread, as soon as they are certain. The same seed and questions give
/// the same text, for any number of threads.
///
/// An interrupt ends a question at the next token, and so does an exception of the listener; the conversation is then as it was
/// before the question. One thread uses a conversation at a time; one that comes while another is using it, or before an
/// [AnswerStream] has ended, is refused with an [IllegalStateException]. [#close()] and [#bytes()] are for any thread at any time.
///
/// Beside the keys and values ([#bytes()]) it keeps in Java's heap what the picture tower saw of each picture.
public final class Conversation implements AutoCloseable {
  private final VisionChat chat;
  private final ChatTemplate template;
  private final ChatOptions options;
  private final int context;
  private final List<ChatTurn> turns = new ArrayList<>();
  private final List<SeenPicture> pictures = new ArrayList<>();
  private @Nullable Size shown;
  /// The tokens of [#session], or the first ones of them; without a running question, they show pictures of [#pictures] alone.
  private int[] read = {};
  /// Null until the first question, where its capacity depends on that.
  private volatile @Nullable LlamaSession session;
  private volatile boolean isClosed;
  private boolean isBusy;
  private @Nullable AnswerStream running;

  /// A question that was read.
  ///
  /// @param turns the question; before it the turns that the caller keeps, if any
  /// @param ids the tokens of the whole conversation up to the answer
  /// @param kept number of those that had been read before
  /// @param seen the pictures that the question shows
  /// @param shown size of the last picture of the conversation; null if there is none
  record Asked(List<ChatTurn> turns, int[] ids, int kept, List<SeenPicture> seen, @Nullable Size shown, Duration seeing,
      Duration reading) {}

  Conversation(VisionChat chat, ChatTemplate template, ChatOptions options) {
    this.chat = chat;
    this.template = template;
    this.options = options;
    context = chat.language().config().context();
    if (options.capacity() > 0) session = LlamaSession.open(chat.model(), Math.min(context, options.capacity()));
  }

  /// Asks without a picture; as [#ask(List, String, Consumer, Progress)].
  public Answer ask(String question) {
    return ask(List.of(), question);
  }

  /// Asks without a picture; as [#ask(List, String, Consumer, Progress)].
  public Answer ask(String question, Consumer<String> listener) {
    return ask(List.of(), question, listener);
  }

  /// Asks about a picture file; as [#ask(List, String, Consumer, Progress)].
  ///
  /// @throws ImageException also if the file cannot be read, or is no picture
  public Answer ask(Path picture, String question) {
    return one(PictureInput.of(picture), question, _ -> {});
  }

  /// Asks about a picture file; as [#ask(List, String, Consumer, Progress)].
  ///
  /// @throws ImageException also if the file cannot be read, or is no picture
  public Answer ask(Path picture, String question, Consumer<String> listener) {
    return one(PictureInput.of(picture), question, listener);
  }

  /// Asks about the bytes of a picture file; as [#ask(List, String, Consumer, Progress)].
  ///
  /// @throws ImageException also if it is no picture
  public Answer ask(byte[] picture, String question, Consumer<String> listener) {
    return one(PictureInput.of(picture), question, listener);
  }

  /// Asks about a picture file that is read to its end and stays open; as [#ask(List, String, Consumer, Progress)].
  ///
  /// @throws ImageException also if it cannot be read, or is no picture
  public Answer ask(InputStream picture, String question, Consumer<String> listener) {
    return one(PictureInput.of(picture), question, listener);
  }

  /// Asks about a picture in memory; as [#ask(List, String, Consumer, Progress)].
  public Answer ask(BufferedImage picture, String question, Consumer<String> listener) {
    return one(PictureInput.of(picture), question, listener);
  }

  /// Asks about a decoded picture; as [#ask(List, String, Consumer, Progress)].
  public Answer ask(Picture picture, String question, Consumer<String> listener) {
    return one(PictureInput.of(picture), question, listener);
  }

  private Answer one(PictureInput picture, String question, Consumer<String> listener) {
    Objects.requireNonNull(question, "question");
    Objects.requireNonNull(listener, "listener");
    return ask(List.of(picture.decode()), question, listener, Progress.NONE);
  }

  /// Asks about several pictures; as [#ask(List, String, Consumer, Progress)].
  public Answer ask(List<Picture> pictures, String question) {
    return ask(pictures, question, _ -> {});
  }

  /// Asks about several pictures; as [#ask(List, String, Consumer, Progress)].
  public Answer ask(List<Picture> pictures, String question, Consumer<String> listener) {
    return ask(pictures, question, listener, Progress.NONE);
  }

  /// Asks a question. Without placeholders in it, the pictures stand before its text.
  ///
  /// @param pictures that the question shows, in the order of their placeholders; may be empty
  /// @param listener called on the calling thread with each piece of the answer's text
  /// @param progress of the picture tower; begins anew for each picture, and for each tile of one
  /// @throws InputException if the conversation would exceed its capacity before the answer's first token
  /// @throws IllegalArgumentException if the pictures are not as many as the placeholders in the question, if it has some, or the
  ///     template has no place for pictures
  /// @throws ImageException if a picture is too long or otherwise unsuitable
  /// @throws ArithmeticException if the model gives no usable logits
  /// @throws CheckpointException if pictures are given and the model reads none, or the model file was truncated after it was
  ///     opened
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the conversation or the model is closed, or the conversation is in use
  public Answer ask(List<Picture> pictures, String question, Consumer<String> listener, Progress progress) {
    var given = Arguments.elements(pictures, "pictures");
    Objects.requireNonNull(question, "question");
    Objects.requireNonNull(listener, "listener");
    Objects.requireNonNull(progress, "progress");
    return ask(List.of(ChatTurn.user(question, given.size())), given, listener, progress);
  }

  /// Asks the last of some turns, of which the others follow the conversation's own.
  ///
  /// @param given the pictures of all these turns, in their order
  Answer ask(List<ChatTurn> asked, List<Picture> given, Consumer<String> listener, Progress progress) {
    return chat.model().call(() -> {
      try (var pieces = stream(asked, given, progress)) {
        while (pieces.hasNext()) listener.accept(pieces.next());
        return pieces.answer();
      }
    });
  }

  /// Asks a question, and leaves the pace of the answer to the caller; as [#stream(List, String, Progress)].
  public AnswerStream stream(List<Picture> pictures, String question) {
    return stream(pictures, question, Progress.NONE);
  }

  /// Asks a question, and leaves the pace of the answer to the caller. The question is read now; each piece of the answer is
  /// computed when it is asked for. The caller closes what is returned.
  ///
  /// @see #ask(List, String, Consumer, Progress)
  public AnswerStream stream(List<Picture> pictures, String question, Progress progress) {
    var given = Arguments.elements(pictures, "pictures");
    Objects.requireNonNull(question, "question");
    Objects.requireNonNull(progress, "progress");
    return stream(List.of(ChatTurn.user(question, given.size())), given, progress);
  }

  private AnswerStream stream(List<ChatTurn> more, List<Picture> given, Progress progress) {
    enter();
    try {
      var asked = read(given, more, progress);
      var session = requireOpen();
      var sampling = options.sampling();
      long answers = turns.stream().filter(ChatTurn::isAnswer).count() + more.stream().filter(ChatTurn::isAnswer).count();
      var sampler = new Sampler(sampling.withSeed(sampling.seed() + answers), chat.language().config().vocabSize());
      sampler.see(asked.ids);
      var ends = new HashSet<>(template.endTokens(chat.tokenizer()));
      ends.addAll(chat.language().config().eosTokenIds());
      return running = new AnswerStream(this, session, asked, options, sampler, ends);
    } finally {
      leave();
    }
  }

  private synchronized void enter() {
    if (isClosed) throw new IllegalStateException("the conversation is closed");
    if (isBusy) throw new IllegalStateException("the conversation is in use: one thread uses a conversation at a time");
    if (running != null)
      throw new IllegalStateException("the answer to the question before has not ended: take its end, or close it");
    isBusy = true;
  }

  private synchronized void leave() {
    isBusy = false;
  }

  private LlamaSession requireOpen() {
    var open = session;
    if (open == null || isClosed) throw new IllegalStateException("the conversation is closed");
    return open;
  }

  private Asked read(List<Picture> given, List<ChatTurn> more, Progress progress) {
    // A model that reads no pictures is refused by its reader.
    if (!given.isEmpty()) chat.reader();
    var all = new ArrayList<ChatTurn>();
    if (options.system() != null) all.add(ChatTurn.system(options.system()));
    all.addAll(turns);
    all.addAll(more);
    var prompt = template.prompt(all);
    long start = System.nanoTime();
    var seen = given.stream().map(picture -> chat.reader().see(picture, progress)).toList();
    long seenAt = System.nanoTime();
    var known = new ArrayList<>(pictures);
    known.addAll(seen);
    var places = known.stream().map(SeenPicture::places).toList();
    var ids = template.encode(chat.tokenizer(), template.expand(prompt, places)).ids();
    var session = sessionFor(ids.length);
    int kept = read(session, ids, known);
    var size = given.isEmpty() ? shown : new Size(given.getLast().width(), given.getLast().height());
    return new Asked(more, ids, kept, seen, size, Duration.ofNanos(seenAt - start), Duration.ofNanos(System.nanoTime() - seenAt));
  }

  /// The session, which has room for a prompt and at least a token of its answer.
  private LlamaSession sessionFor(int tokens) {
    var open = session;
    int capacity = open == null ? context : open.capacity();
    if (tokens >= capacity)
      throw new InputException("the conversation would have " + tokens + " tokens and at least one of the answer, expected at most "
          + capacity + (capacity == context ? ", the model's context" : ", the capacity chosen for it (the model's context is "
              + context + ")"));
    if (open == null) {
      open = LlamaSession.open(chat.model(), (int) Math.min(context, (long) tokens + options.maxTokens()));
      session = open;
      // Closed meanwhile by another thread.
      if (isClosed) open.close();
    }
    return open;
  }

  /// Reads what differs from the tokens that were read, which are the conversation so far as its template writes it.
  ///
  /// @return number of tokens that were read before
  private int read(LlamaSession session, int[] ids, List<SeenPicture> known) {
    int differs = Arrays.mismatch(read, ids);
    int kept = Math.min(differs < 0 ? ids.length : differs, ids.length - 1);
    int from = 0;
    if (!known.isEmpty()) {
      int placeholder = chat.reader().placeholder();
      var places = IntStream.range(0, ids.length).filter(i -> ids[i] == placeholder).toArray();
      // A picture is read as a whole, and placeholders do not tell which one was read: only those of past questions were.
      for (int at = 0; from < known.size(); at += known.get(from++).placeholders()) {
        int last = at + known.get(from).placeholders() - 1;
        if (from < pictures.size() && last < places.length && places[last] < kept) continue;
        if (at < places.length) kept = Math.min(kept, places[at]);
        break;
      }
    }
    session.truncate(kept);
    read = Arrays.copyOf(read, kept);
    var rest = Arrays.copyOfRange(ids, kept, ids.length);
    if (from == known.size()) session.read(rest);
    else chat.reader().read(session, rest, known.subList(from, known.size()));
    return kept;
  }

  /// Keeps a question and its answer.
  synchronized void commit(AnswerStream stream, Asked asked, Answer answer) {
    if (running != stream) return;
    running = null;
    turns.addAll(asked.turns);
    turns.add(ChatTurn.assistant(answer.text()));
    pictures.addAll(asked.seen);
    shown = asked.shown;
    var said = answer.ids().stream().mapToInt(Integer::intValue).toArray();
    read = Arrays.copyOf(asked.ids, asked.ids.length + said.length);
    System.arraycopy(said, 0, read, asked.ids.length, said.length);
  }

  /// Forgets a question.
  synchronized void undo(AnswerStream stream, Asked asked) {
    if (running != stream) return;
    running = null;
    read = Arrays.copyOf(asked.ids, asked.kept);
  }

  /// Forgets all questions, answers and pictures; the memory stays.
  ///
  /// @throws IllegalStateException if the conversation is closed or in use
  public void clear() {
    enter();
    turns.clear();
    pictures.clear();
    shown = null;
    read = new int[0];
    leave();
  }

  /// The questions and answers so far.
  ///
  /// @throws IllegalStateException if the conversation is closed or in use
  public List<ChatTurn> turns() {
    enter();
    try {
      return List.copyOf(turns);
    } finally {
      leave();
    }
  }

  /// The form of the conversation.
  public ChatTemplate template() {
    return template;
  }

  /// The chat that it is a conversation of.
  public VisionChat chat() {
    return chat;
  }

  /// Most tokens of the conversation; the model's context until the first question decides.
  public int capacity() {
    var open = session;
    return open == null ? context : open.capacity();
  }

  /// Bytes of the keys and values, and of what a token's step needs; 0 once it is closed.
  public long bytes() {
    var open = session;
    return open == null ? 0 : open.bytes();
  }

  /// Frees the memory, after a token that another thread computes has ended; its question ends with an [IllegalStateException].
  /// Closing twice is harmless.
  @Override
  public void close() {
    isClosed = true;
    var open = session;
    if (open != null) open.close();
  }

  @Override
  public String toString() {
    var open = session;
    return "conversation, " + template + ", " + (open == null ? "no session" : open);
  }
}
