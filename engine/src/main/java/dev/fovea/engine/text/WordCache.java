package dev.fovea.engine.text;

import com.google.common.primitives.ImmutableIntArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Function;

/// The tokens of words met lately: a word's hash picks its place, where the next such word replaces it.
final class WordCache {
  private static final int PLACES = 1 << 13;
  /// Longer words hardly come again.
  private static final int LONGEST = 64;

  /// How a word is cut. Negative ids are those of tokens whose text is the word's own: `-1 - id`.
  record Word(String word, int[] ids, int[] starts, int[] ends) {
    void tokens(Model.Sink sink, Vocabulary vocabulary) {
      for (int i = 0; i < ids.length; i++) {
        boolean own = ids[i] < 0;
        int id = own ? -1 - ids[i] : ids[i];
        sink.add(id, own ? word.substring(starts[i], ends[i]) : vocabulary.token(id), starts[i], ends[i]);
      }
    }
  }

  private final AtomicReferenceArray<Word> places = new AtomicReferenceArray<>(PLACES);

  Word get(String word, Function<String, Word> tokenize) {
    if (word.length() > LONGEST) return tokenize.apply(word);
    int hash = word.hashCode(), place = (hash ^ hash >>> 13) & PLACES - 1;
    var found = places.getPlain(place);
    if (found != null && found.word.equals(word)) return found;
    var made = tokenize.apply(word);
    places.setRelease(place, made);
    return made;
  }

  static final class Builder {
    private final String word;
    private final ImmutableIntArray.Builder ids = ImmutableIntArray.builder(), starts = ImmutableIntArray.builder(),
        ends = ImmutableIntArray.builder();

    Builder(String word) {
      this.word = word;
    }

    void add(int id, int from, int to) {
      ids.add(id);
      starts.add(from);
      ends.add(to);
    }

    /// Adds a token whose text is the word's.
    void addText(int id, int from, int to) {
      add(-1 - id, from, to);
    }

    Word build() {
      return new Word(word, ids.build().toArray(), starts.build().toArray(), ends.build().toArray());
    }
  }
}
