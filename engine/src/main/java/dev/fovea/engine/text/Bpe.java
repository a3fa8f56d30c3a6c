package dev.fovea.engine.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// Byte-pair encoding: a word's adjacent symbols are merged pair by pair, the earliest learned pair first.
///
/// ref: Sennrich et al., Neural Machine Translation of Rare Words with Subword Units, 2016; tokenizers, models/bpe/.
final class Bpe implements Model {
  private final Vocabulary vocabulary;
  private final Merges merges;
  private final String continuingPrefix, endSuffix;
  /// The id of unknown characters; -1 if they are dropped.
  private final int unknown;
  private final String unknownToken;
  private final boolean fuseUnknown, ignoreMerges;
  private final int @Nullable [] byteIds;
  private final WordCache cache = new WordCache();

  private Bpe(JsonPart part, Vocabulary vocabulary, int unknown, String unknownToken) {
    this.vocabulary = vocabulary;
    this.unknown = unknown;
    this.unknownToken = unknownToken;
    continuingPrefix = part.string("continuing_subword_prefix", "");
    endSuffix = part.string("end_of_word_suffix", "");
    fuseUnknown = part.bool("fuse_unk", false);
    ignoreMerges = part.bool("ignore_merges", false);
    byteIds = part.bool("byte_fallback", false) ? vocabulary.byteIds() : null;
    merges = merges(part);
  }

  static Bpe of(JsonPart part, List<AddedToken> added) {
    part.only("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
        "ignore_merges", "vocab", "merges");
    if (part.has("dropout") && part.fields().number("dropout") != 0)
      throw part.error("'dropout': expected null or 0: the same text would have other ids each time");
    var vocabulary = Vocabulary.of(part);
    // Older files have an empty token for none.
    var token = part.string("unk_token", "");
    int id = vocabulary.id(token);
    for (var other : added) if (id < 0 && other.content().equals(token)) id = other.id();
    if (id < 0 && !token.isEmpty()) throw part.error("the unk_token '" + token + "' is not in the vocabulary");
    return new Bpe(part, vocabulary, id, token);
  }

  private Merges merges(JsonPart part) {
    var lines = part.array("merges");
    var merges = new Merges(lines.size());
    int rank = 0;
    for (var line : lines) {
      if (line instanceof com.google.gson.JsonPrimitive p && p.isString() && p.getAsString().startsWith("#version")) continue;
      var name = "merges[" + rank + "]";
      var pair = pair(part, line, name);
      if (pair[1].length() < continuingPrefix.length())
        throw part.error(name + ": '" + pair[1] + "' lacks the continuing_subword_prefix");
      var result = pair[0] + pair[1].substring(continuingPrefix.length());
      merges.put(known(part, name, pair[0]), known(part, name, pair[1]), rank++, known(part, name, result));
    }
    return merges;
  }

  /// A merge in either format: `"a b"` or `["a", "b"]`.
  private static String[] pair(JsonPart part, JsonElement line, String name) {
    if (line instanceof JsonArray pair && pair.size() == 2)
      return new String[] {part.text(pair.get(0), name), part.text(pair.get(1), name)};
    var words = line instanceof JsonArray ? new String[0] : part.text(line, name).split(" ", -1);
    if (words.length != 2) throw part.error(name + ": expected two tokens, got " + line);
    return words;
  }

  private int known(JsonPart part, String name, String token) {
    int id = vocabulary.id(token);
    if (id < 0) throw part.error(name + ": '" + token + "' is not in the vocabulary");
    return id;
  }

  static boolean haveAll(int[] byteIds, byte[] bytes) {
    for (byte b : bytes) if (byteIds[b & 0xff] < 0) return false;
    return true;
  }

  @Override
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  public void tokenize(String word, Sink sink) {
    int id = ignoreMerges ? vocabulary.id(word) : -1;
    if (id >= 0) sink.add(id, word, 0, word.length());
    else cache.get(word, this::merge).tokens((i, token, from, to) -> sink.add(i, token == null ? unknownToken : token, from, to),
        vocabulary);
  }

  private WordCache.Word merge(String word) {
    var symbols = new MergeQueue(word.length());
    int pendingFrom = -1, pendingTo = 0;
    for (int from = 0, to; from < word.length(); from = to) {
      to = from + Character.charCount(word.codePointAt(from));
      var symbol = word.substring(from, to);
      if (from > 0 && !continuingPrefix.isEmpty()) symbol = continuingPrefix + symbol;
      if (to == word.length() && !endSuffix.isEmpty()) symbol += endSuffix;
      int id = vocabulary.id(symbol);
      if (id < 0) {
        if (addBytes(symbols, symbol, from, to) || unknown < 0) continue;
        if (pendingFrom >= 0 && !fuseUnknown) symbols.add(unknown, pendingFrom, pendingTo);
        if (pendingFrom < 0 || !fuseUnknown) pendingFrom = from;
        pendingTo = to;
        continue;
      }
      if (pendingFrom >= 0) symbols.add(unknown, pendingFrom, pendingTo);
      pendingFrom = -1;
      symbols.add(id, from, to);
    }
    if (pendingFrom >= 0) symbols.add(unknown, pendingFrom, pendingTo);
    return symbols.merge(word, merges);
  }

  /// Adds the byte tokens of a symbol, if there is one for each of its bytes.
  private boolean addBytes(MergeQueue symbols, String symbol, int from, int to) {
    if (byteIds == null) return false;
    byte[] bytes = symbol.getBytes(StandardCharsets.UTF_8);
    if (!haveAll(byteIds, bytes)) return false;
    for (byte b : bytes) symbols.add(byteIds[b & 0xff], from, to);
    return true;
  }
}
