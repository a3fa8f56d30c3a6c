package dev.fovea.engine.text;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// Converts text to token ids and back, as specified by a Hugging Face `tokenizer.json`.
///
/// ```java
/// var tokenizer = Tokenizer.open(Path.of("tokenizer.json"));
/// var encoding = tokenizer.encode("a photo of a cat");
/// var text = tokenizer.decode(encoding.ids(), true);
/// ```
///
/// Immutable and thread-safe. Unpaired surrogates in a text are read as U+FFFD.
///
/// ref: tokenizers, tokenizer/mod.rs.
public final class Tokenizer {
  /// Name of the byte tensor with the `tokenizer.json` of a model file.
  public static final String TENSOR = "tokenizer.json";
  /// The files of a published folder that may define its tokenizer.
  public static final List<String> FILES = List.of("tokenizer.json", "vocab.txt", "tokenizer_config.json", "vocab.json",
      "merges.txt",
      "special_tokens_map.json");

  private final AddedTokens added;
  private final @Nullable PreTokenizer preTokenizer;
  private final Model model;
  private final @Nullable PostProcessor postProcessor;
  private final @Nullable Decoder decoder;
  private final @Nullable Truncation truncation;
  private final @Nullable Padding padding;

  Tokenizer(AddedTokens added, @Nullable PreTokenizer preTokenizer, Model model, @Nullable PostProcessor postProcessor,
      @Nullable Decoder decoder, @Nullable Truncation truncation, @Nullable Padding padding) {
    this.added = added;
    this.preTokenizer = preTokenizer;
    this.model = model;
    this.postProcessor = postProcessor;
    this.decoder = decoder;
    this.truncation = truncation;
    this.padding = padding;
  }

  /// Opens a `tokenizer.json`, a `vocab.txt` of BERT's, a folder with one of them or with CLIP's `vocab.json` and `merges.txt`,
  /// or a model file that holds a tokenizer.
  ///
  /// @throws CheckpointException if there is no such file, it is none of these, or it has unsupported features
  public static Tokenizer open(Path path) {
    return TokenizerFiles.open(path);
  }

  /// The tokenizer in a model file.
  ///
  /// @throws CheckpointException if it holds none, or one with unsupported features
  public static Tokenizer of(Checkpoint checkpoint) {
    var tensor = checkpoint.tensors().get(TENSOR);
    if (tensor == null)
      throw new CheckpointException(checkpoint.name() + ": holds no tokenizer: there is no tensor '" + TENSOR + "'");
    if (tensor.dtype() != DType.U8)
      throw new CheckpointException(checkpoint.name() + ": tensor '" + TENSOR + "': expected U8, got " + tensor.dtype());
    if (tensor.size() > Integer.MAX_VALUE - 8)
      throw new CheckpointException(checkpoint.name() + ": tensor '" + TENSOR + "' is too large");
    return checkpoint.reading(() -> read(checkpoint.name() + ": " + TENSOR, tensor.data().toArray(ValueLayout.JAVA_BYTE)));
  }

  /// Reads a `tokenizer.json`.
  ///
  /// @param name name of the file in error messages
  /// @param json UTF-8
  /// @throws CheckpointException if it breaks the format, contradicts itself, or has unsupported features
  public static Tokenizer read(String name, byte[] json) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(json, "json");
    return TokenizerJson.read(name, TokenizerFiles.utf8(name, json));
  }

  /// CLIP's tokenizer from its `vocab.json` and `merges.txt`.
  public static Tokenizer clip(Path vocab, Path merges) {
    Objects.requireNonNull(merges, "merges");
    return TokenizerFiles.clip(vocab, merges);
  }

  /// BERT's tokenizer from its `vocab.txt`.
  ///
  /// @param lowercase whether the model is uncased
  public static Tokenizer bert(Path vocab, boolean lowercase) {
    return TokenizerFiles.bert(vocab, lowercase);
  }

  /// The tokenizer file of a published folder: `tokenizer.json`, BERT's `vocab.txt`, or CLIP's `vocab.json` with `merges.txt`
  /// beside it; null if there is none.
  public static @Nullable Path fileIn(Path folder) {
    return TokenizerFiles.fileIn(folder);
  }

  /// The `tokenizer.json` of a file of [#fileIn]: its contents, or the equivalent of its vocabulary.
  ///
  /// @throws CheckpointException if a file cannot be read, or contradicts itself
  public static String jsonOf(Path file) {
    return TokenizerFiles.jsonOf(file);
  }

  /// Settings that the files beside a file of [#fileIn] lack, with the values that [#jsonOf] assumes; one per line.
  ///
  /// @throws CheckpointException if a file cannot be read
  public static List<String> assumedOf(Path file) {
    return TokenizerFiles.assumed(file);
  }

  /// The id of the padding token of a published folder, from `tokenizer_config.json`, `special_tokens_map.json` or
  /// `tokenizer.json`, or else of the tokenizer's class; -1 if it is unknown.
  ///
  /// @throws CheckpointException if a file cannot be read, or the tokenizer has no such token
  public static int paddingOf(Path folder) {
    return TokenizerFiles.padding(folder);
  }

  /// The id of the padding token; -1 if the tokenizer does not pad.
  int paddingId() {
    return padding == null ? -1 : padding.id();
  }

  /// This tokenizer with another truncation, or without one.
  public Tokenizer withTruncation(@Nullable Truncation other) {
    return new Tokenizer(added, preTokenizer, model, postProcessor, decoder, other, padding);
  }

  /// This tokenizer with another padding, or without one.
  public Tokenizer withPadding(@Nullable Padding other) {
    return new Tokenizer(added, preTokenizer, model, postProcessor, decoder, truncation, other);
  }

  /// Encodes a text, with special tokens.
  ///
  /// @throws TokenizerException if the text cannot be truncated as specified, or a replacement makes it too long
  public Encoding encode(String text) {
    Objects.requireNonNull(text, "text");
    return encode(List.of(text), true);
  }

  /// Encodes a text.
  ///
  /// @param addSpecialTokens whether the template's tokens are added
  public Encoding encode(String text, boolean addSpecialTokens) {
    Objects.requireNonNull(text, "text");
    return encode(List.of(text), addSpecialTokens);
  }

  /// Encodes two texts as one sequence, with special tokens.
  public Encoding encode(String first, String second) {
    Objects.requireNonNull(first, "first");
    Objects.requireNonNull(second, "second");
    return encode(List.of(first, second), true);
  }

  private Encoding encode(List<String> texts, boolean addSpecialTokens) {
    var whole = unpadded(texts, addSpecialTokens);
    return padding == null ? whole : padding.apply(List.of(whole)).getFirst();
  }

  /// Encodes texts, with special tokens and, if the tokenizer pads, to one length.
  public List<Encoding> encodeBatch(List<String> texts) {
    var encodings = texts.stream().map(text -> unpadded(List.of(text), true)).toList();
    return padding == null ? encodings : padding.apply(encodings);
  }

  /// Encodes pairs of texts, each an array of two, as [#encodeBatch(List)] does single ones.
  public List<Encoding> encodePairs(List<String[]> pairs) {
    var encodings = pairs.stream().map(pair -> unpadded(List.of(pair), true)).toList();
    return padding == null ? encodings : padding.apply(encodings);
  }

  private Encoding unpadded(List<String> texts, boolean addSpecialTokens) {
    if (texts.size() > 2) throw new IllegalArgumentException("expected one or two texts, got " + texts.size());
    var encodings = new ArrayList<Encoding>();
    for (var text : texts) encodings.add(tokenize(Characters.paired(text), encodings.size()));
    List<Encoding> parts = encodings;
    boolean special = addSpecialTokens && postProcessor != null;
    if (truncation != null) parts = truncation.apply(parts, special ? postProcessor.added(texts.size() == 2) : 0);
    if (postProcessor != null) parts = postProcessor.process(parts, addSpecialTokens);
    var whole = Encoding.EMPTY;
    for (var part : parts) whole = whole.plus(part);
    return whole;
  }

  /// The tokens of one text, without special ones.
  private Encoding tokenize(String text, int sequence) {
    var tokens = new Encoding.Builder(sequence, text.length() / 4 + 8);
    added.split(AlignedText.of(text), new AddedTokens.Sink() {
      private int word = -1;

      @Override
      public void text(AlignedText part) {
        if (part.isEmpty()) return;
        if (preTokenizer == null) word(part);
        else preTokenizer.split(part, this::word);
      }

      private void word(AlignedText part) {
        word++;
        model.tokenize(part.text(), (id, token, from, to) -> tokens.add(id, token, part.start(from), part.end(to - 1), word));
      }

      @Override
      public void token(AddedToken token, AlignedText part) {
        tokens.add(token.id(), part.text(), part.start(0), part.end(part.length() - 1), ++word);
      }
    });
    return tokens.build();
  }

  /// The text of ids. Ids outside the vocabulary are skipped; invalid UTF-8 becomes U+FFFD.
  ///
  /// @param skipSpecialTokens whether to leave out special tokens, including those that were in the text
  public String decode(int[] ids, boolean skipSpecialTokens) {
    var tokens = new ArrayList<String>(ids.length);
    for (int id : ids) if (says(id, skipSpecialTokens)) tokens.add(form(id));
    return decoder == null ? String.join(" ", tokens) : String.join("", decoder.decode(tokens));
  }

  /// Whether decoding uses an id.
  boolean says(int id, boolean skipSpecialTokens) {
    var token = added.byId(id);
    return token != null ? !(skipSpecialTokens && token.special()) : model.vocabulary().token(id) != null;
  }

  private String form(int id) {
    var form = added.form(id);
    return form != null ? form : model.vocabulary().token(id);
  }

  /// Decodes ids one by one, as a model generates them.
  public StreamingDecoder stream(boolean skipSpecialTokens) {
    return new StreamingDecoder(this, skipSpecialTokens);
  }

  /// Number of tokens, including added ones. Ids may be larger if some are unused.
  public int vocabularySize() {
    long more = added.all().stream().filter(token -> model.vocabulary().id(token.content()) < 0).count();
    return model.vocabulary().size() + (int) more;
  }

  /// The id of a token, -1 if there is none.
  public int id(String token) {
    Objects.requireNonNull(token, "token");
    int id = added.id(token);
    return id >= 0 ? id : model.vocabulary().id(token);
  }

  /// The token of an id, null if there is none.
  public @Nullable String token(int id) {
    var token = added.byId(id);
    return token != null ? token.content() : model.vocabulary().token(id);
  }

  /// The tokens that are matched in texts before the model tokenizes the rest.
  public List<AddedToken> addedTokens() {
    return added.all();
  }
}
