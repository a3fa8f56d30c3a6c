package dev.fovea.engine.text;

import com.google.common.primitives.Ints;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// A model's tokens and their ids. Some ids may have no token.
final class Vocabulary {
  private final Map<String, Integer> ids;
  private final @Nullable String[] tokens;

  private Vocabulary(Map<String, Integer> ids, @Nullable String[] tokens) {
    this.ids = ids;
    this.tokens = tokens;
  }

  /// The vocabulary of a list; a repeated token has its last id.
  static Vocabulary of(List<String> tokens) {
    var ids = HashMap.<String, Integer>newHashMap(tokens.size());
    for (int id = 0; id < tokens.size(); id++) ids.put(tokens.get(id), id);
    return new Vocabulary(ids, tokens.toArray(String[]::new));
  }

  /// The field `vocab`: `{"token": id, …}`.
  ///
  /// @throws dev.fovea.engine.checkpoint.CheckpointException if an id is invalid, or two tokens have the same id
  static Vocabulary of(JsonPart model) {
    if (!(model.element("vocab", "an object") instanceof JsonObject json))
      throw model.wrong("vocab", "an object of tokens and ids");
    var ids = HashMap.<String, Integer>newHashMap(json.size());
    int most = -1;
    for (var entry : json.entrySet()) {
      var token = entry.getKey();
      if (!Characters.paired(token).equals(token)) throw model.error("vocab: a token holds an unpaired surrogate");
      var id = entry.getValue() instanceof JsonPrimitive p && p.isNumber() ? Ints.tryParse(p.getAsString()) : null;
      if (id == null || id < 0 || id >= JsonPart.MOST_IDS)
        throw model.error("vocab: '" + token + "': expected an id from 0 to " + (JsonPart.MOST_IDS - 1) + ", got "
            + entry.getValue());
      ids.put(token, id);
      most = Math.max(most, id);
    }
    var tokens = new String[most + 1];
    ids.forEach((token, id) -> {
      if (tokens[id] != null) throw model.error("vocab: '" + tokens[id] + "' and '" + token + "' have the same id " + id);
      tokens[id] = token;
    });
    return new Vocabulary(ids, tokens);
  }

  /// The id of a token, -1 if there is none.
  int id(String token) {
    var id = ids.get(token);
    return id == null ? -1 : id;
  }

  /// The token of an id, null if there is none.
  @Nullable String token(int id) {
    return id >= 0 && id < tokens.length ? tokens[id] : null;
  }

  /// Number of tokens.
  int size() {
    return ids.size();
  }

  /// A trie of all tokens.
  Trie trie() {
    var trie = new Trie();
    ids.forEach(trie::put);
    return trie;
  }

  /// The ids of the tokens `<0x00>` to `<0xFF>`, -1 where there is none.
  int[] byteIds() {
    var ids = new int[256];
    for (int b = 0; b < 256; b++) ids[b] = id(String.format("<0x%02X>", b));
    return ids;
  }
}
