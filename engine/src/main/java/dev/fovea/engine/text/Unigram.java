package dev.fovea.engine.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonPrimitive;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import org.jetbrains.annotations.Nullable;

/// The most probable segmentation of a word, by Viterbi's algorithm over the tokens' log-probabilities.
///
/// Unknown characters score lower than any token, and adjacent ones become one token. ref: Kudo, Subword Regularization, 2018;
/// sentencepiece/src/unigram_model.cc, EncodeOptimized.
final class Unigram implements Model {
  private static final double UNKNOWN_PENALTY = 10;

  private final Vocabulary vocabulary;
  private final double[] scores;
  private final int unknown;
  private final double unknownScore;
  private final int @Nullable [] byteIds;
  private final Trie trie;
  private final WordCache cache = new WordCache();

  private Unigram(Vocabulary vocabulary, double[] scores, int unknown, boolean byteFallback) {
    this.vocabulary = vocabulary;
    this.scores = scores;
    this.unknown = unknown;
    byteIds = byteFallback ? vocabulary.byteIds() : null;
    trie = vocabulary.trie();
    double least = Double.POSITIVE_INFINITY;
    for (double score : scores) least = Math.min(least, score);
    unknownScore = least - UNKNOWN_PENALTY;
  }

  static Unigram of(JsonPart part) {
    part.only("type", "vocab", "unk_id", "byte_fallback");
    var entries = part.array("vocab");
    if (entries.size() > JsonPart.MOST_IDS)
      throw part.error("vocab: " + entries.size() + " tokens are more than " + JsonPart.MOST_IDS);
    var tokens = new ArrayList<String>(entries.size());
    var scores = new double[entries.size()];
    for (var entry : entries) {
      int id = tokens.size();
      if (!(entry instanceof JsonArray pair) || pair.size() != 2)
        throw part.error("vocab[" + id + "]: expected a token and its score");
      tokens.add(part.text(pair.get(0), "vocab[" + id + "]"));
      scores[id] = pair.get(1) instanceof JsonPrimitive p && p.isNumber() ? p.getAsDouble() : Double.NaN;
      if (!Double.isFinite(scores[id])) throw part.error("vocab[" + id + "]: expected a finite score, got " + pair.get(1));
    }
    if (!part.has("unk_id")) throw part.error("'unk_id' is missing: what is not in the vocabulary would have no id");
    int unknown = part.count("unk_id", JsonPart.MOST_IDS);
    if (unknown >= scores.length) throw part.error("the unk_id " + unknown + " is not in the vocabulary of " + scores.length);
    return new Unigram(Vocabulary.of(tokens), scores, unknown, part.bool("byte_fallback", false));
  }

  @Override
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  public void tokenize(String word, Sink sink) {
    cache.get(word, this::bestPath).tokens(sink, vocabulary);
  }

  private WordCache.Word bestPath(String word) {
    int n = word.length();
    // For each position: the score of the best path that ends there, and the start and the id of its last token.
    var best = new double[n + 1];
    var begins = new int[n + 1];
    var ids = new int[n + 1];
    Arrays.fill(begins, -1);
    for (int from = 0, next; from < n; from = next) {
      next = from + Character.charCount(word.codePointAt(from));
      boolean single = false;
      int node = Trie.ROOT;
      for (int to = from + 1; to <= n; to++) {
        node = trie.child(node, word.charAt(to - 1));
        if (node == Trie.NONE) break;
        int id = trie.value(node);
        if (id == Trie.NONE) continue;
        single |= to == next;
        step(best, begins, ids, from, to, id, scores[id]);
      }
      if (!single) step(best, begins, ids, from, next, unknown, unknownScore);
    }
    return tokens(word, begins, ids);
  }

  private static void step(double[] best, int[] begins, int[] ids, int from, int to, int id, double score) {
    double candidate = score + best[from];
    if (begins[to] >= 0 && candidate <= best[to]) return;
    best[to] = candidate;
    begins[to] = from;
    ids[to] = id;
  }

  /// Follows the best path back and fuses unknown tokens.
  private WordCache.Word tokens(String word, int[] begins, int[] ids) {
    var tokens = new WordCache.Builder(word);
    var ends = new int[begins.length];
    int count = 0;
    for (int to = word.length(); to > 0; to = begins[to]) ends[count++] = to;
    for (int i = count - 1; i >= 0; i--) {
      int from = begins[ends[i]], to = ends[i];
      if (ids[to] != unknown) {
        tokens.add(ids[to], from, to);
        continue;
      }
      while (i > 0 && ids[ends[i - 1]] == unknown) to = ends[--i];
      addUnknown(tokens, word, from, to);
    }
    return tokens.build();
  }

  private void addUnknown(WordCache.Builder tokens, String word, int from, int to) {
    var text = word.substring(from, to);
    int id = vocabulary.id(text);
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    if (id >= 0) tokens.add(id, from, to);
    else if (byteIds == null || !Bpe.haveAll(byteIds, bytes)) tokens.addText(unknown, from, to);
    else for (byte b : bytes) tokens.add(byteIds[b & 0xff], from, to);
  }
}
