package dev.fovea.engine.text;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// A tokenizer's added tokens, and the search for them in texts: the leftmost match, then the longest.
///
/// ref: tokenizers, tokenizer/added_vocabulary.rs.
final class AddedTokens {
  /// Receives the parts of a text, from left to right.
  interface Sink {
    /// A part of the normalised text without added tokens.
    void text(AlignedText text);

    void token(AddedToken token, AlignedText text);
  }

  private final List<AddedToken> tokens;
  private final Map<Integer, Integer> byId = new HashMap<>();
  private final Map<String, Integer> byContent = new HashMap<>();
  private final String[] forms;
  private final Trie verbatim = new Trie(), normalized = new Trie();
  private final @Nullable Normalizer normalizer;

  /// @throws CheckpointException if a token is empty, two have the same id or content, or an id contradicts the vocabulary
  AddedTokens(String where, List<AddedToken> tokens, Vocabulary vocabulary, @Nullable Normalizer normalizer) {
    this.tokens = tokens;
    this.normalizer = normalizer;
    forms = new String[tokens.size()];
    for (int i = tokens.size() - 1; i >= 0; i--) {
      var token = tokens.get(i);
      check(where + ": added_tokens[" + i + "]: '" + token.content() + "'", token, vocabulary);
      forms[i] = token.normalized() ? normalize(AlignedText.of(token.content())).text() : token.content();
      if (!forms[i].isEmpty()) (token.normalized() ? normalized : verbatim).put(forms[i], i);
      byId.put(token.id(), i);
      byContent.put(token.content(), i);
    }
  }

  private void check(String what, AddedToken token, Vocabulary vocabulary) {
    if (token.content().isEmpty()) throw new CheckpointException(what + ": expected a token that is not empty");
    int known = vocabulary.id(token.content());
    if (known >= 0 && known != token.id())
      throw new CheckpointException(what + " has the id " + token.id() + ", but " + known + " in the vocabulary");
    var other = vocabulary.token(token.id());
    if (known < 0 && other != null)
      throw new CheckpointException(what + " has the id " + token.id() + ", which is that of '" + other + "' in the vocabulary");
    var same = byId.get(token.id());
    if (same != null || byContent.containsKey(token.content()))
      throw new CheckpointException(what + ": its id " + token.id() + " or its content is that of another added token");
  }

  private AlignedText normalize(AlignedText text) {
    return normalizer == null ? text : normalizer.normalize(text);
  }

  @Nullable AddedToken byId(int id) {
    var i = byId.get(id);
    return i == null ? null : tokens.get(i);
  }

  /// The id of a token, -1 if there is none.
  int id(String content) {
    var i = byContent.get(content);
    return i == null ? -1 : tokens.get(i).id();
  }

  /// A token's text for the decoder: its content, normalised if it is matched so; null if there is no such id.
  @Nullable String form(int id) {
    var i = byId.get(id);
    return i == null ? null : forms[i];
  }

  List<AddedToken> all() {
    return tokens;
  }

  /// Splits a text at the tokens that are matched verbatim, normalises the rest, and splits that at the other tokens.
  void split(AlignedText text, Sink sink) {
    split(text, verbatim, new Sink() {
      @Override
      public void text(AlignedText part) {
        split(normalize(part), normalized, sink);
      }

      @Override
      public void token(AddedToken token, AlignedText part) {
        sink.token(token, part);
      }
    });
  }

  private void split(AlignedText source, Trie trie, Sink sink) {
    var text = source.text();
    int done = 0;
    for (int at = 0; at < text.length();) {
      int found = trie.child(Trie.ROOT, text.charAt(at)) == Trie.NONE ? -1 : longest(trie, text, at);
      if (found < 0) {
        at++;
        continue;
      }
      var token = tokens.get(found);
      int from = at, to = at + forms[found].length();
      at = to;
      if (token.singleWord() && (endsWithWord(text, from) || startsWithWord(text, to))) continue;
      while (token.lstrip() && from > done && Characters.isWhiteSpace(text.charAt(from - 1))) from--;
      while (token.rstrip() && to < text.length() && Characters.isWhiteSpace(text.charAt(to))) to++;
      // White space may already belong to an earlier token.
      if (from < done) continue;
      if (done < from) sink.text(source.slice(done, from));
      sink.token(token, source.slice(from, to));
      done = to;
      at = Math.max(at, done);
    }
    if (done < text.length()) sink.text(source.slice(done, text.length()));
  }

  /// The longest token that starts at `from`; -1 if there is none.
  private static int longest(Trie trie, String text, int from) {
    int found = Trie.NONE, node = Trie.ROOT;
    for (int i = from; i < text.length(); i++) {
      node = trie.child(node, text.charAt(i));
      if (node == Trie.NONE) break;
      if (trie.value(node) != Trie.NONE) found = trie.value(node);
    }
    return found;
  }

  private static boolean endsWithWord(String text, int to) {
    return to > 0 && Characters.isWord(text.codePointBefore(to));
  }

  private static boolean startsWithWord(String text, int from) {
    return from < text.length() && Characters.isWord(text.codePointAt(from));
  }
}
