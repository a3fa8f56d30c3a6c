package dev.fovea.converter;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.models.SentenceConfig;
import dev.fovea.models.TextPooling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// The files of a sentence-transformers folder that say how vectors of texts are made (ref: sentence-transformers,
/// `models/Pooling.py`, `models/Transformer.py`, `SentenceTransformer.py`).
final class SentenceFolder {
  /// The list of the modules that a text goes through.
  static final String MODULES = "modules.json";
  /// All files that are read here, if they exist.
  static final List<String> FILES = List.of(MODULES, "1_Pooling/config.json", "sentence_bert_config.json",
      "config_sentence_transformers.json");

  private static final String POOLING_MODE = "pooling_mode";
  /// The switches of a pooling's config, and what they switch on.
  private static final Map<String, TextPooling> SWITCHES = Map.of("pooling_mode_mean_tokens", TextPooling.MEAN,
      "pooling_mode_cls_token", TextPooling.CLASS_TOKEN, "pooling_mode_max_tokens", TextPooling.MAX,
      "pooling_mode_mean_sqrt_len_tokens", TextPooling.MEAN_SQRT_LENGTH);
  /// The words of newer configs.
  private static final Map<String, TextPooling> WORDS = Map.of("mean", TextPooling.MEAN, "cls", TextPooling.CLASS_TOKEN, "max",
      TextPooling.MAX, "mean_sqrt_len_tokens", TextPooling.MEAN_SQRT_LENGTH);

  private SentenceFolder() {}

  /// What the folder says; null if it has no list of modules.
  ///
  /// @param positions of the encoder, the most tokens where the folder names none
  /// @throws CheckpointException if a file is missing or wrong, or a module is not supported
  static @Nullable SentenceConfig read(Path folder, int positions) {
    var file = folder.resolve(MODULES);
    if (!Files.exists(file)) return null;
    var modules = modules(file);
    var kinds = List.copyOf(modules.keySet());
    if (!kinds.equals(List.of("Transformer", "Pooling")) && !kinds.equals(List.of("Transformer", "Pooling", "Normalize")))
      throw new CheckpointException(file + ": expected the modules Transformer, Pooling and possibly Normalize, got "
          + String.join(", ", kinds));
    var prompts = new LinkedHashMap<String, String>();
    var defaultPrompt = prompts(folder, prompts);
    var pooling = pooling(folder.resolve(modules.get("Pooling")).resolve("config.json"), prompts);
    return new SentenceConfig(pooling, kinds.contains("Normalize"), maxTokens(folder, positions), prompts, defaultPrompt);
  }

  /// The files of a folder that says this, by name: the inverse of [#read].
  ///
  /// @param channels of a token's features
  static Map<String, JsonElement> files(SentenceConfig sentence, int channels) {
    var modules = new JsonArray();
    addModule(modules, "Transformer", "");
    addModule(modules, "Pooling", "1_Pooling");
    if (sentence.normalized()) addModule(modules, "Normalize", "2_Normalize");
    var pooling = new JsonObject();
    pooling.addProperty("word_embedding_dimension", channels);
    SWITCHES.forEach((name, on) -> pooling.addProperty(name, on == sentence.pooling()));
    var transformer = new JsonObject();
    transformer.addProperty("max_seq_length", sentence.maxTokens());
    transformer.addProperty("do_lower_case", false);
    var prompts = new JsonObject();
    sentence.prompts().forEach(prompts::addProperty);
    var whole = new JsonObject();
    whole.add("prompts", prompts);
    if (!sentence.defaultPrompt().isEmpty()) whole.addProperty("default_prompt_name", sentence.defaultPrompt());
    return Map.of(FILES.get(0), modules, FILES.get(1), pooling, FILES.get(2), transformer, FILES.get(3), whole);
  }

  private static void addModule(JsonArray modules, String type, String path) {
    var module = new JsonObject();
    module.addProperty("idx", modules.size());
    module.addProperty("name", Integer.toString(modules.size()));
    module.addProperty("path", path);
    module.addProperty("type", "sentence_transformers.models." + type);
    modules.add(module);
  }

  /// The folders of the modules, by the last part of their types.
  private static Map<String, String> modules(Path file) {
    JsonArray all;
    try {
      all = JsonParser.parseString(Files.readString(file)).getAsJsonArray();
    } catch (IOException e) {
      WholeFile.requireUninterrupted(file.toString(), e);
      throw new CheckpointException(file + ": cannot be read: " + WholeFile.reason(e), e);
    } catch (JsonParseException | IllegalStateException e) {
      throw new CheckpointException(file + ": expected a JSON array of modules", e);
    }
    var modules = new LinkedHashMap<String, String>();
    for (var each : all) {
      if (!(each instanceof JsonObject json)) throw new CheckpointException(file + ": expected a JSON array of modules");
      var module = new JsonFields(file.toString(), json);
      var type = module.string("type");
      var path = module.string("path");
      if (path.contains("..") || path.startsWith("/") || path.contains("\\"))
        throw new CheckpointException(file + ": 'path': expected a folder inside, got " + path);
      if (modules.put(type.substring(type.lastIndexOf('.') + 1), path) != null)
        throw new CheckpointException(file + ": expected each module once, got " + type + " twice");
    }
    return modules;
  }

  private static TextPooling pooling(Path file, Map<String, String> prompts) {
    var config = Recognition.json(file);
    if (!config.bool("include_prompt", true) && !prompts.isEmpty())
      throw new CheckpointException(file + ": include_prompt: false is not supported, the prompt is pooled too");
    if (config.has(POOLING_MODE)) {
      var pooling = WORDS.get(config.string(POOLING_MODE));
      if (pooling == null) throw unsupported(file, config.string(POOLING_MODE));
      return pooling;
    }
    var on = new ArrayList<String>();
    for (var name : config.json().keySet()) if (name.startsWith(POOLING_MODE) && config.bool(name, false)) on.add(name);
    if (on.isEmpty()) on.add("pooling_mode_mean_tokens");   // The default of the class.
    if (on.size() > 1 || !SWITCHES.containsKey(on.getFirst())) throw unsupported(file, String.join(", ", on));
    return SWITCHES.get(on.getFirst());
  }

  private static CheckpointException unsupported(Path file, String got) {
    return new CheckpointException(file + ": expected one pooling, mean, cls, max or mean_sqrt_len_tokens, got " + got);
  }

  private static int maxTokens(Path folder, int positions) {
    int most = positions;
    var file = folder.resolve("sentence_bert_config.json");
    if (Files.exists(file)) {
      var config = Recognition.json(file);
      if (config.bool("do_lower_case", false))
        throw new CheckpointException(file + ": do_lower_case: true is not supported; the tokenizer lower-cases if the model is "
            + "uncased");
      if (config.has("max_seq_length")) {
        int length = config.integer("max_seq_length");
        if (length < 1) throw new CheckpointException(file + ": 'max_seq_length': expected at least 1, got " + length);
        return Math.min(most, length);
      }
    }
    var tokenizer = folder.resolve("tokenizer_config.json");
    if (!Files.exists(tokenizer)) return most;
    // Published as 1e30 where there is no limit.
    var length = Recognition.json(tokenizer).json().get("model_max_length");
    return length != null && length.isJsonPrimitive() && length.getAsJsonPrimitive().isNumber()
        ? (int) Math.min(most, length.getAsDouble()) : most;
  }

  /// Adds the prompts, and returns the default one's name; empty for none.
  private static String prompts(Path folder, Map<String, String> prompts) {
    var file = folder.resolve("config_sentence_transformers.json");
    if (!Files.exists(file)) return "";
    var config = Recognition.json(file);
    if (config.has("prompts")) {
      var given = config.object("prompts");
      for (var name : given.json().keySet()) if (!given.string(name).isEmpty()) prompts.put(name, given.string(name));
    }
    var name = config.has("default_prompt_name") ? config.string("default_prompt_name") : "";
    return prompts.containsKey(name) ? name : "";
  }
}
