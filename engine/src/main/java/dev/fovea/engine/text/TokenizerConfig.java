package dev.fovea.engine.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// What a published folder says of its tokenizer beside the vocabulary: `tokenizer_config.json`, and `special_tokens_map.json`
/// for what the first leaves out.
///
/// @param fields of `tokenizer_config.json`; none where it is missing
/// @param exists whether `tokenizer_config.json` is there
/// @param special of `special_tokens_map.json`; none where it is missing
record TokenizerConfig(JsonFields fields, boolean exists, JsonFields special) {
  static final String FILE = "tokenizer_config.json", SPECIAL = "special_tokens_map.json";
  private static final String FAST = "Fast";

  /// The one in the folder of `file`.
  ///
  /// @throws CheckpointException if it cannot be read
  static TokenizerConfig beside(Path file) {
    var config = file.resolveSibling(FILE);
    return new TokenizerConfig(json(config), Files.exists(config), json(file.resolveSibling(SPECIAL)));
  }

  private static JsonFields json(Path file) {
    return Files.exists(file) ? JsonFields.parse(file.toString(), TokenizerFiles.text(file))
        : new JsonFields(file.toString(), new JsonObject());
  }

  /// The class that the tokenizer is read with, whichever implementation of it; null where nothing tells.
  @Nullable String tokenizerClass() {
    if (!fields.has("tokenizer_class")) return null;
    var name = fields.string("tokenizer_class");
    return name.endsWith(FAST) ? name.substring(0, name.length() - FAST.length()) : name;
  }

  /// Whether it is a SigLIP's. Those of SigLIP 2 name Gemma's tokenizer, which has no option for lower case itself.
  boolean isSiglip() {
    var name = tokenizerClass();
    return name != null && name.startsWith("Siglip") || "GemmaTokenizer".equals(name) && fields.has("do_lower_case")
        || fields.has("processor_class") && fields.string("processor_class").startsWith("Siglip");
  }

  /// The token in a role such as `pad_token`; null where nothing tells. Both files say it as a string, or as an object with its
  /// `content`.
  @Nullable String token(String role) {
    for (var each : List.of(fields, special)) if (each.has(role)) return content(each, role, each.json().get(role));
    return null;
  }

  /// The number of the token that the tokenizer's class pads with where no file says one; -1 where that is not known.
  int defaultPadding(Tokenizer tokenizer) {
    return switch (tokenizerClass()) {
      case "SiglipTokenizer" -> tokenizer.id("</s>");
      case "GemmaTokenizer", "Siglip2Tokenizer" -> tokenizer.id("<pad>");
      case null, default -> -1;
    };
  }

  /// The tokens in a list such as `never_split`; none where it is missing.
  List<String> tokens(String list) {
    for (var each : List.of(fields, special)) {
      if (!each.has(list)) continue;
      if (!(each.json().get(list) instanceof JsonArray array))
        throw new CheckpointException(each.where() + ": '" + list + "': expected an array");
      var tokens = new ArrayList<String>();
      for (var element : array) tokens.add(content(each, list, element));
      return tokens;
    }
    return List.of();
  }

  private static String content(JsonFields file, String field, JsonElement token) {
    var content = token instanceof JsonObject object ? object.get("content") : token;
    if (content instanceof JsonPrimitive text && text.isString()) return text.getAsString();
    throw new CheckpointException(file.where() + ": '" + field + "': expected a token's text, or an object with its content");
  }
}
