package dev.fovea.engine.text;

import java.util.Arrays;

/// Takes the longest token first; a word with an unknown part is unknown as a whole.
///
/// ref: Wu et al., Google's Neural Machine Translation System, 2016; bert/tokenization.py, WordpieceTokenizer.
final class WordPiece implements Model {
  private static final int DEFAULT_MOST_CHARACTERS = 100;

  private final Vocabulary vocabulary;
  private final Trie trie;
  private final int unknown, continuation, mostCharacters;

  private WordPiece(Vocabulary vocabulary, int unknown, String continuingPrefix, int mostCharacters) {
    this.vocabulary = vocabulary;
    this.unknown = unknown;
    this.mostCharacters = mostCharacters;
    trie = vocabulary.trie();
    continuation = trie.node(continuingPrefix);
  }

  static WordPiece of(JsonPart part) {
    part.only("type", "vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word");
    var vocabulary = Vocabulary.of(part);
    return new WordPiece(vocabulary, Model.unknownId(part, vocabulary), part.string("continuing_subword_prefix", "##"),
        part.count("max_input_chars_per_word", Integer.MAX_VALUE, DEFAULT_MOST_CHARACTERS));
  }

  @Override
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  public void tokenize(String word, Sink sink) {
    int[] ids = new int[8], ends = new int[8];
    int count = 0;
    for (int from = 0; from < word.length(); from = ends[count++]) {
      if (count == ids.length) {
        ids = Arrays.copyOf(ids, 2 * count);
        ends = Arrays.copyOf(ends, 2 * count);
      }
      if (tooLong(word) || !longest(word, from, ids, ends, count)) {
        sink.add(unknown, vocabulary.token(unknown), 0, word.length());
        return;
      }
    }
    for (int i = 0; i < count; i++) sink.add(ids[i], vocabulary.token(ids[i]), i == 0 ? 0 : ends[i - 1], ends[i]);
  }

  private boolean tooLong(String word) {
    return word.length() > mostCharacters && word.codePointCount(0, word.length()) > mostCharacters;
  }

  /// Finds the longest token that starts at `from`, and stores it and its end at index `count`.
  private boolean longest(String word, int from, int[] ids, int[] ends, int count) {
    int node = from == 0 ? Trie.ROOT : continuation;
    ends[count] = from;
    for (int i = from; i < word.length() && node != Trie.NONE; i++) {
      node = trie.child(node, word.charAt(i));
      if (node == Trie.NONE || trie.value(node) == Trie.NONE) continue;
      ids[count] = trie.value(node);
      ends[count] = i + 1;
    }
    return ends[count] > from;
  }
}
