package dev.fovea.models;

import dev.fovea.engine.text.Encoding;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.models.argument.Arguments;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// A batch of encoded texts, padded to the same length: `[texts, length]` each.
///
/// @param ids token ids
/// @param mask 0 for tokens, `-∞` for padding
/// @param types 1 for tokens of the second text of a pair, else 0
record TokenBatch(int texts, int length, float[] ids, float[] mask, float[] types) {
  /// Pads texts to the length of the longest.
  static TokenBatch padded(List<Encoding> encodings) {
    return filled(encodings, encodings.stream().mapToInt(Encoding::length).max().orElse(0), 0);
  }

  /// Pads texts to `length` with the token `pad`.
  ///
  /// @throws IllegalArgumentException if the batch is too large
  static TokenBatch filled(List<Encoding> encodings, int length, int pad) {
    int texts = encodings.size();
    Arguments.requireFits("texts", texts, length);
    float[] ids = new float[texts * length], mask = new float[ids.length], types = new float[ids.length];
    Arrays.fill(ids, pad);
    Arrays.fill(mask, Float.NEGATIVE_INFINITY);
    for (int t = 0; t < texts; t++) {
      var encoding = encodings.get(t);
      for (int i = 0; i < encoding.length(); i++) {
        int to = t * length + i;
        ids[to] = encoding.ids()[i];
        mask[to] = 0;
        types[to] = encoding.typeIds()[i];
      }
    }
    return new TokenBatch(texts, length, ids, mask, types);
  }

  /// @throws TokenizerException if a text has no tokens, more than `most`, or one outside the model's vocabulary
  static Encoding check(String text, Encoding encoding, int most, int vocabulary) {
    if (encoding.length() == 0) throw new TokenizerException("text '" + abridged(text) + "': expected at least one token");
    if (encoding.length() > most)
      throw new TokenizerException("text '" + abridged(text) + "': expected at most " + most + " tokens, got " + encoding.length());
    for (int id : encoding.ids())
      if (id >= vocabulary)
        throw new TokenizerException("text '" + abridged(text) + "': the tokenizer gives token " + id + ", and the model knows "
            + vocabulary);
    return encoding;
  }

  /// @param end the token that every text must contain; -1 for none
  /// @throws TokenizerException if the text has no such token
  static void requireEnd(String text, Encoding encoding, int end) {
    if (end >= 0 && Arrays.stream(encoding.ids()).noneMatch(id -> id == end))
      throw new TokenizerException("text '" + abridged(text) + "': expected token " + end
          + ", which the model takes for a text's end, and the tokenizer gives none; is the model's eos_token_id the tokenizer's?");
  }

  private static String abridged(String text) {
    return text.length() <= 40 ? text
        : text.substring(0, text.offsetByCodePoints(0, Math.min(37, text.codePointCount(0, text.length())))) + "…";
  }

  /// The batch as inputs of a model, by name.
  Map<String, OpenModel.Input> inputs() {
    return Map.of(Model.INPUT_IDS, new OpenModel.Input(ids, texts, length), Model.ATTENTION_MASK,
        new OpenModel.Input(mask, texts, length), Model.TOKEN_TYPE_IDS, new OpenModel.Input(types, texts, length));
  }
}
