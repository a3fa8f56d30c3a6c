package dev.fovea.converter;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// The published template that makes a text of the turns of a conversation (ref: transformers, `tokenization_utils_base.py`,
/// `processing_utils.py`, which look in these files in this order). A model file keeps it as it is.
final class PublishedTemplate {
  /// The file with nothing but the template.
  static final String FILE = "chat_template.jinja";
  /// The file with the template as a field, which former releases write.
  static final String JSON = "chat_template.json";
  private static final List<String> BESIDE = List.of(JSON, "processor_config.json", "tokenizer_config.json");
  private static final String FIELD = "chat_template";

  private PublishedTemplate() {}

  /// The text of the folder's template, as published; null if it has none.
  ///
  /// @throws CheckpointException if a file cannot be read, or its template is no text
  static @Nullable String in(Path folder) {
    var file = folder.resolve(FILE);
    if (Files.exists(file)) return read(file);
    for (var name : BESIDE) {
      var beside = folder.resolve(name);
      var template = Files.exists(beside) ? of(JsonFields.parse(beside.toString(), read(beside))) : null;
      if (template != null) return template;
    }
    return null;
  }

  /// A template, or that called `default` of several.
  private static @Nullable String of(JsonFields json) {
    if (!json.has(FIELD)) return null;
    if (!(json.json().get(FIELD) instanceof JsonArray named)) return json.string(FIELD);
    for (var each : named)
      if (each instanceof JsonObject one && new JsonPrimitive("default").equals(one.get("name")))
        return new JsonFields(json.where(), one).string("template");
    return null;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      WholeFile.requireUninterrupted(file.toString(), e);
      throw new CheckpointException(file + ": cannot be read: " + WholeFile.reason(e), e);
    }
  }
}
