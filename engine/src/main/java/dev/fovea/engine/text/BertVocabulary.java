package dev.fovea.engine.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Converts BERT's `vocab.txt` and `tokenizer_config.json` to the equivalent `tokenizer.json` (ref: bert/tokenization.py,
/// FullTokenizer; transformers, BertTokenizer). Unsupported options are rejected by name.
final class BertVocabulary {
  /// Tokenizer classes that read `vocab.txt` like BERT's.
  private static final List<String> CLASSES = List.of("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer",
      "MobileBertTokenizer");
  private static final List<String> JAPANESE = List.of("word_tokenizer_type", "subword_tokenizer_type", "do_word_tokenize",
      "do_subword_tokenize");
  private static final List<String> FLAGS = List.of("content", "single_word", "lstrip", "rstrip", "normalized", "special");

  private static final JsonPrimitive BERT = new JsonPrimitive("BertNormalizer");
  /// Fields of `tokenizer_config.json` and the corresponding fields of the normalizer.
  private static final Map<String, String> OPTIONS = Map.of("do_lower_case", "lowercase", "strip_accents", "strip_accents",
      "tokenize_chinese_chars", "handle_chinese_chars");

  private final Path file;
  private final TokenizerConfig config;
  private final JsonObject ids = new JsonObject();

  private BertVocabulary(Path file, TokenizerConfig config) {
    this.file = file;
    this.config = config;
    for (var line : TokenizerFiles.text(file).lines().toList()) {
      if (ids.has(line)) throw new CheckpointException(file + ": line " + (ids.size() + 1) + ": '" + line + "' is there twice");
      ids.addProperty(line, ids.size());
    }
  }

  /// @throws CheckpointException if a file cannot be read, contradicts itself, or has unsupported options
  static JsonObject json(Path file, TokenizerConfig config) {
    return new BertVocabulary(file, config).json();
  }

  /// Settings that the files lack, with their assumed values.
  static List<String> assumed(TokenizerConfig config) {
    if (!config.exists())
      return List.of("there is no " + TokenizerConfig.FILE + ": vocab.txt is read in lower case, the default of BertTokenizer");
    return config.fields().has("do_lower_case") ? List.of()
        : List.of(TokenizerConfig.FILE + ": do_lower_case: true, the default of BertTokenizer");
  }

  /// Whether the config names a tokenizer class that is read like BERT's.
  static boolean reads(TokenizerConfig config) {
    var name = config.tokenizerClass();
    return name != null && CLASSES.contains(name);
  }

  /// A `tokenizer.json` of BERT's with the normalizer options of its config, which take precedence in the reference.
  static JsonObject withOptions(JsonObject file, TokenizerConfig config) {
    if (!(file.get("normalizer") instanceof JsonObject given) || !given.has("type") || !given.get("type").equals(BERT)) return file;
    var changed = file.deepCopy();
    var normalizer = changed.getAsJsonObject("normalizer");
    OPTIONS.forEach((option, field) -> {
      if (config.fields().has(option)) normalizer.addProperty(field, config.fields().bool(option, true));
    });
    return changed;
  }

  private JsonObject json() {
    var fields = config.fields();
    var name = config.tokenizerClass();
    if (name != null && !CLASSES.contains(name))
      throw refused("tokenizer_class '" + fields.string("tokenizer_class") + "' is not supported with a vocab.txt; expected one of "
          + String.join(", ", CLASSES));
    if (!fields.bool("do_basic_tokenize", true)) throw refused("do_basic_tokenize false is not supported; expected true");
    for (var field : JAPANESE) if (fields.has(field)) throw refused("'" + field + "' is not supported");
    var added = added();
    for (var token : config.tokens("never_split"))
      if (added.values().stream().noneMatch(each -> each.get("content").getAsString().equals(token)))
        throw refused("never_split: '" + token + "' is not supported; expected special tokens alone");
    var file = TokenizerFiles.object("{'pre_tokenizer': {'type': 'BertPreTokenizer'},"
        + "'decoder': {'type': 'WordPiece', 'prefix': '##', 'cleanup': true}}");
    file.add("normalizer", normalizer(fields));
    file.add("model", model());
    file.add("post_processor", postProcessor());
    var tokens = new JsonArray();
    added.values().forEach(tokens::add);
    file.add("added_tokens", tokens);
    return file;
  }

  private CheckpointException refused(String why) {
    return new CheckpointException(config.fields().where() + ": " + why);
  }

  /// `strip_accents` defaults to the value of `do_lower_case`.
  private static JsonObject normalizer(JsonFields fields) {
    var normalizer = TokenizerFiles.object("{'type': 'BertNormalizer', 'clean_text': true}");
    normalizer.addProperty("handle_chinese_chars", fields.bool("tokenize_chinese_chars", true));
    boolean lowercase = fields.bool("do_lower_case", true);
    normalizer.addProperty("lowercase", lowercase);
    normalizer.addProperty("strip_accents", fields.bool("strip_accents", lowercase));
    return normalizer;
  }

  private JsonObject model() {
    var model = TokenizerFiles.object("{'type': 'WordPiece'}");
    model.addProperty("unk_token", special("unk_token", "[UNK]"));
    model.add("vocab", ids);
    return model;
  }

  private JsonObject postProcessor() {
    var processor = TokenizerFiles.object("{'type': 'BertProcessing'}");
    processor.add("cls", withId(special("cls_token", "[CLS]")));
    processor.add("sep", withId(special("sep_token", "[SEP]")));
    return processor;
  }

  private String special(String role, String otherwise) {
    var token = config.token(role);
    return token == null ? otherwise : token;
  }

  private JsonArray withId(String token) {
    var pair = new JsonArray();
    pair.add(token);
    pair.add(id(token));
    return pair;
  }

  private int id(String token) {
    if (!ids.has(token)) throw new CheckpointException(file + ": there is no token '" + token + "'");
    return ids.get(token).getAsInt();
  }

  /// The added tokens by id: those in `added_tokens_decoder`, and the special tokens.
  private TreeMap<Integer, JsonObject> added() {
    var added = new TreeMap<Integer, JsonObject>();
    if (config.fields().has("added_tokens_decoder")) {
      var listed = config.fields().object("added_tokens_decoder");
      for (var id : listed.json().keySet()) added.put(number(listed, id), token(listed.object(id), number(listed, id)));
    }
    var special = new ArrayList<String>();
    for (var role : List.of("pad_token [PAD]", "unk_token [UNK]", "cls_token [CLS]", "sep_token [SEP]", "mask_token [MASK]")) {
      var token = special(role.substring(0, role.indexOf(' ')), role.substring(role.indexOf(' ') + 1));
      if (ids.has(token)) special.add(token);
    }
    for (var token : config.tokens("additional_special_tokens")) {
      if (!ids.has(token) && added.values().stream().noneMatch(each -> each.get("content").getAsString().equals(token)))
        throw refused("additional_special_tokens: '" + token + "' is neither in vocab.txt nor in added_tokens_decoder");
      if (ids.has(token)) special.add(token);
    }
    for (var token : special) added.computeIfAbsent(id(token), id -> TokenizerFiles.special(token, id));
    return added;
  }

  private static int number(JsonFields listed, String id) {
    try {
      return Integer.parseInt(id);
    } catch (NumberFormatException e) {
      throw new CheckpointException(listed.where() + ": '" + id + "': expected a token's number", e);
    }
  }

  private static JsonObject token(JsonFields listed, int id) {
    var token = new JsonObject();
    token.addProperty("id", id);
    token.addProperty("content", listed.string("content"));
    for (var flag : FLAGS) if (listed.has(flag) && !token.has(flag)) token.addProperty(flag, listed.bool(flag, false));
    return token;
  }
}
