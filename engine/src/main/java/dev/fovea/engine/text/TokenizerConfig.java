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

/// The tokenizer settings of a published folder: `tokenizer_config.json`, and `special_tokens_map.json` for tokens that the first
/// leaves out.
///
/// @param fields fields of `tokenizer_config.json`; none if it is missing
/// @param exists whether `tokenizer_config.json` is there
/// @param special fields of `special_tokens_map.json`; none if it is missing
record TokenizerConfig(JsonFields fields, boolean exists, JsonFields special) {
  static final String FILE = "tokenizer_config.json", SPECIAL = "special_tokens_map.json";
  private static final String FAST = "Fast";

  /// The config in the folder of `file`.
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

  /// The class of the tokenizer, without the suffix `Fast` of an implementation; null if it is not given.
  @Nullable String tokenizerClass() {
    if (!fields.has("tokenizer_class")) return null;
    var name = fields.string("tokenizer_class");
    return name.endsWith(FAST) ? name.substring(0, name.length() - FAST.length()) : name;
  }

  /// Whether the tokenizer is SigLIP's. SigLIP 2 names Gemma's tokenizer, which itself has no option for lower case.
  boolean isSiglip() {
    var name = tokenizerClass();
    return name != null && name.startsWith("Siglip") || "GemmaTokenizer".equals(name) && fields.has("do_lower_case")
        || fields.has("processor_class") && fields.string("processor_class").startsWith("Siglip");
  }

  /// The token in a role such as `pad_token`; null if it is not given. Both files give it as a string, or as an object with its
  /// `content`.
  @Nullable String token(String role) {
    for (var each : List.of(fields, special)) if (each.has(role)) return content(each, role, each.json().get(role));
    return null;
  }

  /// The id of the default padding token of the tokenizer's class; -1 if it is unknown.
  int defaultPadding(Tokenizer tokenizer) {
    return switch (tokenizerClass()) {
      case "SiglipTokenizer" -> tokenizer.id("</s>");
      case "GemmaTokenizer", "Siglip2Tokenizer" -> tokenizer.id("<pad>");
      case null, default -> -1;
    };
  }

  /// The tokens in a list such as `never_split`; none if it is missing.
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
