package dev.fovea.engine.text;

import static com.google.common.primitives.Ints.concat;

import com.google.common.primitives.ImmutableIntArray;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/// An encoded text, with one value per token; the arrays must not be modified.
///
/// @param ids the model's input
/// @param tokens the tokens' texts as in the vocabulary
/// @param starts start of each token in the original text, in chars as in [String#substring(int, int)]
/// @param ends end of each token; tokens without text have start and end 0
/// @param typeIds type of each token, which the tokenizer's template assigns to the texts of a pair
/// @param attentionMask 0 for padding, else 1
/// @param specialTokensMask 1 for tokens added by the template or padding, else 0
/// @param wordIds index of each token's word, -1 for none
/// @param sequenceIds 0 for tokens of the first text, 1 for the second, -1 for none
/// @param overflowing the tokens that truncation removed, in pieces of the same length that overlap by the stride
public record Encoding(int[] ids, List<String> tokens, int[] starts, int[] ends, int[] typeIds, int[] attentionMask,
    int[] specialTokensMask, int[] wordIds, int[] sequenceIds, List<Encoding> overflowing) {

  static final Encoding EMPTY = new Builder(0, 0).build();

  public Encoding {
    Objects.requireNonNull(ids, "ids");
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(starts, "starts");
    Objects.requireNonNull(ends, "ends");
    Objects.requireNonNull(typeIds, "typeIds");
    Objects.requireNonNull(attentionMask, "attentionMask");
    Objects.requireNonNull(specialTokensMask, "specialTokensMask");
    Objects.requireNonNull(wordIds, "wordIds");
    Objects.requireNonNull(sequenceIds, "sequenceIds");
    Objects.requireNonNull(overflowing, "overflowing");
    tokens = Collections.unmodifiableList(tokens);
  }

  /// Number of tokens.
  public int length() {
    return ids.length;
  }

  /// `count` equal tokens.
  static Encoding repeat(int count, int id, String token, int typeId, boolean attended) {
    return new Encoding(filled(count, id), Collections.nCopies(count, token), new int[count], new int[count],
        filled(count, typeId), filled(count, attended ? 1 : 0), filled(count, 1), filled(count, -1), filled(count, -1),
            List.of());
  }

  private static int[] filled(int count, int value) {
    var array = new int[count];
    Arrays.fill(array, value);
    return array;
  }

  Encoding slice(int from, int to) {
    return new Encoding(cut(ids, from, to), tokens.subList(from, to), cut(starts, from, to), cut(ends, from, to),
        cut(typeIds, from, to),
        cut(attentionMask, from, to), cut(specialTokensMask, from, to), cut(wordIds, from, to), cut(sequenceIds, from, to),
            List.of());
  }

  private static int[] cut(int[] array, int from, int to) {
    return Arrays.copyOfRange(array, from, to);
  }

  Encoding withTypeId(int typeId) {
    var more = overflowing.stream().map(e -> e.withTypeId(typeId)).toList();
    return new Encoding(ids, tokens, starts, ends, filled(length(), typeId), attentionMask, specialTokensMask, wordIds,
        sequenceIds, more);
  }

  Encoding withOffsets(int[] newStarts, int[] newEnds, List<Encoding> more) {
    return new Encoding(ids, tokens, newStarts, newEnds, typeIds, attentionMask, specialTokensMask, wordIds, sequenceIds, more);
  }

  Encoding withOverflowing(List<Encoding> more) {
    return new Encoding(ids, tokens, starts, ends, typeIds, attentionMask, specialTokensMask, wordIds, sequenceIds, more);
  }

  /// This encoding followed by another; overflowing pieces of one are combined with the other and all of its pieces.
  Encoding plus(Encoding other) {
    if (other.length() == 0 && other.overflowing.isEmpty()) return this;
    if (length() == 0 && overflowing.isEmpty()) return other;
    var more = new ArrayList<Encoding>();
    for (var mine : overflowing) {
      more.add(mine.join(other));
      for (var theirs : other.overflowing) more.add(mine.join(theirs));
    }
    for (var theirs : other.overflowing) more.add(join(theirs));
    return join(other).withOverflowing(List.copyOf(more));
  }

  private Encoding join(Encoding other) {
    var all = new ArrayList<>(tokens);
    all.addAll(other.tokens);
    return new Encoding(concat(ids, other.ids), all, concat(starts, other.starts), concat(ends, other.ends),
        concat(typeIds, other.typeIds), concat(attentionMask, other.attentionMask),
        concat(specialTokensMask, other.specialTokensMask), concat(wordIds, other.wordIds),
        concat(sequenceIds, other.sequenceIds), List.of());
  }

  /// Collects the tokens of one text.
  static final class Builder {
    private final int sequence;
    private final ArrayList<String> tokens;
    private final ImmutableIntArray.Builder ids, starts, ends, words;

    /// @param sequence 0 for the first text, 1 for the second
    Builder(int sequence, int capacity) {
      this.sequence = sequence;
      tokens = new ArrayList<>(capacity);
      ids = ImmutableIntArray.builder(capacity);
      starts = ImmutableIntArray.builder(capacity);
      ends = ImmutableIntArray.builder(capacity);
      words = ImmutableIntArray.builder(capacity);
    }

    void add(int id, String token, int start, int end, int word) {
      ids.add(id);
      tokens.add(token);
      starts.add(start);
      ends.add(end);
      words.add(word);
    }

    Encoding build() {
      int n = tokens.size();
      return new Encoding(ids.build().toArray(), tokens, starts.build().toArray(), ends.build().toArray(), filled(n, sequence),
          filled(n, 1), new int[n], words.build().toArray(), filled(n, sequence), List.of());
    }
  }
}
