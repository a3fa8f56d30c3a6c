package dev.fovea.engine.text;

import com.google.common.base.Utf8;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// Reads the files of published tokenizers. Mere vocabularies are converted to the equivalent `tokenizer.json`.
final class TokenizerFiles {
  private static final String CLIP_WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
  private static final String JSON = "tokenizer.json", BERT = "vocab.txt", CLIP = "vocab.json", CLIP_MERGES = "merges.txt";

  /// Endings of published weights whose tokenizer is beside them; safetensors is not among them, because it may hold one.
  private static final Pattern WEIGHTS = Pattern.compile("\\.(index\\.json|bin|pth|pt|npz|onnx)$");

  private TokenizerFiles() {}

  static Tokenizer open(Path path) {
    if (Files.isDirectory(path)) return openFolder(path);
    if (Files.exists(path) && WEIGHTS.matcher(path.toString()).find()) return openFolder(path.toAbsolutePath().getParent());
    if (path.endsWith(JSON)) return TokenizerJson.read(path.toString(), jsonOf(path));
    if (path.toString().endsWith(".json")) return TokenizerJson.read(path.toString(), text(path));
    if (path.toString().endsWith(".txt"))
      return TokenizerJson.of(JsonPart.of(path.toString(), BertVocabulary.json(path, TokenizerConfig.beside(path))));
    try (var checkpoint = Checkpoint.open(path)) {
      boolean isPublished = !checkpoint.tensors().containsKey(Tokenizer.TENSOR) && !ModelHeader.isIn(checkpoint);
      return isPublished ? openFolder(path.toAbsolutePath().getParent()) : Tokenizer.of(checkpoint);
    }
  }

  private static Tokenizer openFolder(Path folder) {
    var file = fileIn(folder);
    if (file == null)
      throw new CheckpointException(folder
          + ": there is no tokenizer in this folder: expected tokenizer.json, vocab.txt, or vocab.json and merges.txt");
    return TokenizerJson.read(file.toString(), jsonOf(file));
  }

  static @Nullable Path fileIn(Path folder) {
    for (var name : List.of(JSON, BERT)) if (Files.exists(folder.resolve(name))) return folder.resolve(name);
    var vocab = folder.resolve(CLIP);
    return Files.exists(vocab) && Files.exists(vocab.resolveSibling(CLIP_MERGES)) ? vocab : null;
  }

  static String jsonOf(Path file) {
    return switch (file.getFileName().toString()) {
      case BERT -> BertVocabulary.json(file, TokenizerConfig.beside(file)).toString();
      case CLIP -> clipJson(file, file.resolveSibling(CLIP_MERGES)).toString();
      default -> withOptions(file, text(file), TokenizerConfig.beside(file));
    };
  }

  /// A `tokenizer.json` with the changes of `tokenizer_config.json`.
  private static String withOptions(Path file, String json, TokenizerConfig config) {
    if (!config.exists() || !config.isSiglip() && !BertVocabulary.reads(config)) return json;
    var fields = JsonFields.parse(file.toString(), json).json();
    return (config.isSiglip() ? SiglipText.withOptions(file.toString(), fields, config)
        : BertVocabulary.withOptions(fields, config)).toString();
  }

  static Tokenizer clip(Path vocab, Path merges) {
    return TokenizerJson.of(JsonPart.of(vocab.toString(), clipJson(vocab, merges)));
  }

  static Tokenizer bert(Path vocab, boolean lowercase) {
    var fields = new JsonObject();
    fields.addProperty("do_lower_case", lowercase);
    var config = new TokenizerConfig(new JsonFields(vocab.toString(), fields), true,
        new JsonFields(vocab.toString(), new JsonObject()));
    return TokenizerJson.of(JsonPart.of(vocab.toString(), BertVocabulary.json(vocab, config)));
  }

  /// Settings that the files beside a file of [#fileIn] lack, with their assumed values.
  static List<String> assumed(Path file) {
    return file.getFileName().toString().equals(BERT) ? BertVocabulary.assumed(TokenizerConfig.beside(file)) : List.of();
  }

  /// The id of the padding token of a folder; -1 if its files do not define one.
  static int padding(Path folder) {
    var file = fileIn(folder);
    if (file == null) return -1;
    var config = TokenizerConfig.beside(file);
    var token = config.token("pad_token");
    var tokenizer = TokenizerJson.read(file.toString(), jsonOf(file));
    if (token == null) return tokenizer.paddingId() >= 0 ? tokenizer.paddingId() : config.defaultPadding(tokenizer);
    int id = tokenizer.id(token);
    if (id < 0) throw new CheckpointException(file + ": there is no token '" + token + "', which is the folder's pad_token");
    return id;
  }

  static String text(Path file) {
    try {
      return utf8(file.toString(), Files.readAllBytes(file));
    } catch (NoSuchFileException e) {
      throw new CheckpointException(file + ": no such file", e);
    } catch (IOException e) {
      WholeFile.requireUninterrupted(file.toString(), e);
      throw new CheckpointException(file + ": cannot be read: " + WholeFile.reason(e), e);
    }
  }

  static String utf8(String name, byte[] bytes) {
    if (!Utf8.isWellFormed(bytes)) throw new CheckpointException(name + ": expected UTF-8");
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /// ref: transformers, CLIPTokenizer; CLIP/clip/simple_tokenizer.py, whose decoder writes a space for each end of a word.
  static JsonObject clipJson(Path vocab, Path merges) {
    var lines = new JsonArray();
    text(merges).lines().filter(line -> !line.isEmpty()).forEach(lines::add);
    var model = object("{'type': 'BPE', 'unk_token': '<|endoftext|>', 'end_of_word_suffix': '</w>'}");
    model.add("vocab", JsonFields.parse(vocab.toString(), text(vocab)).json());
    model.add("merges", lines);
    int start = id(vocab, model, "<|startoftext|>"), end = id(vocab, model, "<|endoftext|>");
    var file = object("""
        {'normalizer': {'type': 'Sequence', 'normalizers': [{'type': 'NFC'},
           {'type': 'Replace', 'pattern': {'Regex': '\\\\s+'}, 'content': ' '}, {'type': 'Lowercase'}]},
         'pre_tokenizer': {'type': 'Sequence', 'pretokenizers': [{'type': 'Split', 'behavior': 'Removed', 'invert': true},
           {'type': 'ByteLevel', 'add_prefix_space': false}]},
         'decoder': {'type': 'Sequence', 'decoders': [{'type': 'ByteLevel'},
           {'type': 'Replace', 'pattern': {'String': '</w>'}, 'content': ' '},
           {'type': 'Strip', 'content': ' ', 'start': 0, 'stop': 1}]}}
        """);
    var pattern = new JsonObject();
    pattern.addProperty("Regex", CLIP_WORDS);
    file.getAsJsonObject("pre_tokenizer").getAsJsonArray("pretokenizers").get(0).getAsJsonObject().add("pattern", pattern);
    file.add("model", model);
    file.add("added_tokens", added(special("<|startoftext|>", start), special("<|endoftext|>", end)));
    file.add("post_processor", object("{'type': 'RobertaProcessing', 'cls': ['<|startoftext|>', " + start
        + "], 'sep': ['<|endoftext|>', " + end
        + "], 'trim_offsets': false, 'add_prefix_space': false}"));
    return file;
  }

  static JsonObject object(String json) {
    return JsonParser.parseString(json.replace('\'', '"')).getAsJsonObject();
  }

  private static int id(Path vocab, JsonObject model, String token) {
    var ids = model.getAsJsonObject("vocab");
    if (!ids.has(token)) throw new CheckpointException(vocab + ": there is no token '" + token + "'");
    return new JsonFields(vocab.toString(), ids).integer(token);
  }

  static JsonObject special(String content, int id) {
    var token = new JsonObject();
    token.addProperty("id", id);
    token.addProperty("content", content);
    token.addProperty("special", true);
    return token;
  }

  private static JsonArray added(JsonElement... tokens) {
    var array = new JsonArray();
    for (var token : tokens) array.add(token);
    return array;
  }
}
