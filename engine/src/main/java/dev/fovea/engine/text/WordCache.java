package dev.fovea.engine.text;

import com.google.common.primitives.ImmutableIntArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Function;

/// A cache of recent words' tokens: a word's hash selects its slot, where it replaces the previous word.
final class WordCache {
  private static final int PLACES = 1 << 13;
  /// Longer words rarely recur and are not cached.
  private static final int LONGEST = 64;

  /// The tokens of a word. A negative id, `-1 - id`, marks a token whose text is that of the word.
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

    /// Adds a token whose text is that of the word.
    void addText(int id, int from, int to) {
      add(-1 - id, from, to);
    }

    Word build() {
      return new Word(word, ids.build().toArray(), starts.build().toArray(), ends.build().toArray());
    }
  }
}
