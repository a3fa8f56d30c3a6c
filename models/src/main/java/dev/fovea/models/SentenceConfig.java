package dev.fovea.models;

import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/// What a published sentence encoder does beside its encoder, from the files of a sentence-transformers folder.
///
/// @param normalized whether vectors have length 1
/// @param maxTokens longest text in tokens, special tokens included; longer ones are truncated
/// @param prompts texts that are put before a text, by name, such as `query`
/// @param defaultPrompt name of the prompt that is used if none is chosen; empty for none
public record SentenceConfig(TextPooling pooling, boolean normalized, int maxTokens, Map<String, String> prompts,
    String defaultPrompt) {
  /// @throws IllegalArgumentException if there is no room for a token, or no prompt of the default's name
  public SentenceConfig {
    Objects.requireNonNull(pooling, "pooling");
    Objects.requireNonNull(defaultPrompt, "defaultPrompt");
    prompts = ImmutableMap.copyOf(Objects.requireNonNull(prompts, "prompts"));
    if (maxTokens < 1) throw new IllegalArgumentException("max_seq_length: expected at least 1, got " + maxTokens);
    if (!defaultPrompt.isEmpty() && !prompts.containsKey(defaultPrompt))
      throw new IllegalArgumentException("default_prompt_name: expected one of " + prompts.keySet() + ", got " + defaultPrompt);
  }

  /// Reads the config in a model file, as [#toJson] writes it.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static SentenceConfig of(JsonFields json) {
    Objects.requireNonNull(json, "json");
    var name = json.string("pooling");
    var pooling = Arrays.stream(TextPooling.values()).filter(each -> each.toString().equals(name)).findFirst().orElseThrow(() ->
        new CheckpointException(json.where() + ": 'pooling': expected one of " + Arrays.stream(TextPooling.values())
            .map(TextPooling::toString).collect(Collectors.joining(", ")) + ", got " + name));
    var texts = ImmutableMap.<String, String>builder();
    if (json.has("prompts")) {
      var prompts = json.object("prompts");
      for (var each : prompts.json().keySet()) texts.put(each, prompts.string(each));
    }
    try {
      return new SentenceConfig(pooling, json.bool("normalize", false), json.integer("max_seq_length"), texts.buildOrThrow(),
          json.has("default_prompt_name") ? json.string("default_prompt_name") : "");
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  /// The JSON form read by [#of].
  public JsonObject toJson() {
    var json = new JsonObject();
    json.addProperty("pooling", pooling.toString());
    json.addProperty("normalize", normalized);
    json.addProperty("max_seq_length", maxTokens);
    if (!prompts.isEmpty()) {
      var texts = new JsonObject();
      prompts.forEach(texts::addProperty);
      json.add("prompts", texts);
    }
    if (!defaultPrompt.isEmpty()) json.addProperty("default_prompt_name", defaultPrompt);
    return json;
  }
}
