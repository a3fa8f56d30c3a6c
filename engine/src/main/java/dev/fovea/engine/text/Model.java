package dev.fovea.engine.text;

import java.util.List;

/// Splits a word into tokens. ref: tokenizers, models/.
sealed interface Model permits Bpe, WordPiece, Unigram, Model.WordLevel {
  /// Receives the tokens of a word, from left to right.
  @FunctionalInterface
  interface Sink {
    /// @param token the token's text; for an unknown token possibly that of the word
    /// @param from start of the token in the word
    /// @param to end of the token in the word
    void add(int id, String token, int from, int to);
  }

  void tokenize(String word, Sink sink);

  Vocabulary vocabulary();

  /// @param added tokens in addition to the model's own
  /// @throws dev.fovea.engine.checkpoint.CheckpointException if the type or one of its fields is not known, or the vocabulary
  /// contradicts itself
  static Model of(JsonPart part, List<AddedToken> added) {
    return switch (type(part)) {
      case "BPE" -> Bpe.of(part, added);
      case "WordPiece" -> WordPiece.of(part);
      case "Unigram" -> Unigram.of(part);
      case "WordLevel" -> WordLevel.of(part);
      default -> throw part.unknownType("BPE", "WordPiece", "Unigram", "WordLevel");
    };
  }

  /// The type; older files lack it and are distinguished by their fields.
  private static String type(JsonPart part) {
    if (part.has("type")) return part.type();
    if (part.has("merges")) return "BPE";
    if (part.has("unk_id")) return "Unigram";
    return part.has("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
  }

  /// The id of the token for unknown words.
  static int unknownId(JsonPart part, Vocabulary vocabulary) {
    int id = vocabulary.id(part.string("unk_token"));
    if (id < 0) throw part.error("the unk_token '" + part.string("unk_token") + "' is not in the vocabulary");
    return id;
  }

  /// Maps each word to one token, or to the unknown token.
  record WordLevel(Vocabulary vocabulary, int unknown) implements Model {
    static WordLevel of(JsonPart part) {
      part.only("type", "vocab", "unk_token");
      var vocabulary = Vocabulary.of(part);
      return new WordLevel(vocabulary, unknownId(part, vocabulary));
    }

    @Override
    public void tokenize(String word, Sink sink) {
      int id = vocabulary.id(word);
      if (id >= 0) sink.add(id, word, 0, word.length());
      else sink.add(unknown, vocabulary.token(unknown), 0, word.length());
    }
  }
}
